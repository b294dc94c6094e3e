"""When a webhook is tried again, and when it is given up."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from gateway.errors import (
    EgressRefused,
    EndpointFailed,
    EndpointGone,
    EndpointRejected,
    GatewayError,
    SettingsError,
)
from gateway.services.delivery_places import Places
from gateway.services.delivery_rules import DeliveryLimits, Fate, Schedule, Tried, Verdict, host, judge

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
SCHEDULE = Schedule()
TRIED = Tried("https://hooks.example.com/calls", 1, NOW)
MIDDLE = 0.5
"""Chance that changes nothing."""


def judged(error: GatewayError, tried: Tried = TRIED, now: datetime = NOW) -> Verdict:
    return judge(tried, error, now, MIDDLE, SCHEDULE)


def later(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("attempts", "seconds"), [(1, 5), (2, 10), (3, 20), (10, 2560), (13, 20480), (14, 28800), (99, 28800)]
)
def test_pauses_double_up_to_eight_hours(attempts: int, seconds: float) -> None:
    assert SCHEDULE.pause_s(attempts, MIDDLE) == seconds


def test_chance_moves_a_pause_by_a_fifth() -> None:
    assert SCHEDULE.pause_s(1, 0.0) == pytest.approx(4.0)
    assert SCHEDULE.pause_s(1, 1.0) == pytest.approx(6.0)


@pytest.mark.parametrize("chance", [0.0, 0.5, 0.999])
def test_an_endpoint_that_always_fails_is_tried_for_three_days(chance: float) -> None:
    now, attempts = NOW, 0
    while True:
        attempts += 1
        verdict = judge(replace(TRIED, attempts=attempts), EndpointFailed("no"), now, chance, SCHEDULE)
        if verdict.next_at is None:
            break
        assert verdict.fate is Fate.LATER
        now = verdict.next_at
    assert verdict.fate is Fate.DEAD
    assert timedelta(days=3) <= now - NOW < timedelta(days=3, hours=10)
    assert 18 <= attempts <= 26


def test_an_old_event_that_was_hardly_tried_gets_another_chance() -> None:
    old = replace(TRIED, created_at=NOW - timedelta(days=9))
    assert judged(EndpointFailed("no"), replace(old, attempts=7)).fate is Fate.LATER
    assert judged(EndpointFailed("no"), replace(old, attempts=8)).fate is Fate.DEAD


def test_an_endpoint_that_says_when_to_come_again_is_left_alone_until_then() -> None:
    verdict = judged(EndpointFailed("slow down", status=429, retry_after_s=60.0))
    assert verdict == Verdict(Fate.LATER, "slow down", next_at=later(60), hold_until=later(60))


def test_a_wish_shorter_than_our_own_pause_changes_only_what_others_wait() -> None:
    tried = replace(TRIED, attempts=10)
    verdict = judged(EndpointFailed("busy", status=503, retry_after_s=30.0), tried)
    assert (verdict.next_at, verdict.hold_until) == (later(2560), later(30))


def test_nobody_can_ask_for_more_than_a_day_nor_hold_up_others_for_more_than_an_hour() -> None:
    verdict = judged(EndpointFailed("never", status=503, retry_after_s=99_999.0))
    assert (verdict.next_at, verdict.hold_until) == (later(86_400), later(3600))


def test_silence_is_told_from_an_answer() -> None:
    assert not judged(EndpointFailed("no answer")).answered
    assert judged(EndpointFailed("500", status=500)).answered


def test_what_will_never_be_taken_is_given_up_at_once() -> None:
    assert judged(EndpointRejected("404", status=404)) == Verdict(Fate.DEAD, "404")
    assert judged(EndpointGone("410", status=410)) == Verdict(Fate.GONE, "410")


@pytest.mark.parametrize("code", ["malformed", "host", "scheme", "port", "userinfo", "fragment"])
def test_an_address_that_is_bad_itself_is_given_up(code: str) -> None:
    assert judged(EgressRefused("no", code=code)).fate is Fate.DEAD


def test_a_name_that_leads_inside_today_is_tried_again_slowly() -> None:
    error = EgressRefused("leads inside", code="address")
    assert judged(error) == Verdict(Fate.LATER, "leads inside", next_at=later(300))
    assert judged(error, replace(TRIED, attempts=10)).next_at == later(2560)
    assert judged(error, replace(TRIED, endpoint="https://10.0.0.1/")).fate is Fate.DEAD


def test_a_missing_secret_is_waited_for() -> None:
    assert judged(SettingsError("no secret")) == Verdict(Fate.LATER, "no secret", next_at=later(300))


@pytest.mark.parametrize(
    ("endpoint", "name"),
    [
        ("https://Hooks.Example.com:8443/a?b", "hooks.example.com"),
        ("https://hooks.example.com", "hooks.example.com"),
        ("https://hooks.example.com?to=https://a.example.com", "hooks.example.com"),
        ("https://user@hooks.example.com/", ""),
        ("https://hooks.example.com\\@a.example.com/", ""),
        ("https://hoo\u212as.example.com/", ""),
        ("https://[::1", ""),
        ("", ""),
    ],
)
def test_the_host_of_an_address(endpoint: str, name: str) -> None:
    assert host(endpoint) == name


# Places

LIMITS = DeliveryLimits(at_once=6, per_host=3, per_endpoint=2)
ONE, TWO, OTHER = "https://a.example.com/1", "https://a.example.com/2", "https://b.example.com/"


def entered(places: Places, *endpoints: str) -> list[bool]:
    return [places.enter(endpoint) for endpoint in endpoints]


def test_an_endpoint_and_a_host_have_so_many_places() -> None:
    places = Places(LIMITS)
    assert entered(places, ONE, ONE, ONE, TWO, TWO, OTHER) == [True, True, False, True, False, True]
    assert places.full_endpoints() == [ONE]
    assert places.full_hosts() == ["a.example.com"]
    assert places.free == 2
    for endpoint in (ONE, ONE, TWO, OTHER):
        places.leave(endpoint)
    assert (places.free, places.full_endpoints(), places.full_hosts()) == (6, [], [])


def test_there_are_so_many_places_in_all() -> None:
    places = Places(LIMITS)
    assert entered(places, *(f"https://{name}.example.com/" for name in "abcdefg")) == [True] * 6 + [False]


def test_an_endpoint_that_does_not_answer_has_one_place_until_it_does() -> None:
    places = Places(LIMITS)
    places.learn(ONE, answered=False)
    assert entered(places, ONE, ONE) == [True, False]
    places.learn(ONE, answered=True)
    assert entered(places, ONE, ONE) == [True, False]
