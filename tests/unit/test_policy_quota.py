"""Limits of keys and numbers: never exceeded in any window, and never in the way for longer than said."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from gateway.errors import SettingsError
from gateway.ids import E164
from gateway.policy.quota import Limit, Quota, Quotas, Refusal

MINUTE, HOUR, DAY = 60.0, 3600.0, 86_400.0
MANY = 10_000


def number(last: int) -> E164:
    return E164(f"+1415555{last:04d}")


def quotas(
    concurrent: int = MANY, per_minute: int = MANY, per_day: int = MANY, destination_per_hour: int = MANY
) -> Quotas:
    return Quotas(concurrent, per_minute, per_day, destination_per_hour)


def test_calls_at_a_time_are_limited_until_one_is_over() -> None:
    quota = Quota(quotas(concurrent=2))
    assert [quota.admit("k", number(n), 0.0) for n in (1, 2)] == [None, None]
    assert quota.admit("k", number(3), 0.0) == Refusal(Limit.CONCURRENT, 5.0)
    assert quota.admit("other", number(3), 0.0) is None
    quota.release("k")
    assert (quota.admit("k", number(3), 0.0), quota.active("k")) == (None, 2)


@pytest.mark.parametrize(
    ("limits", "limit", "window_s"),
    [
        (quotas(per_minute=2), Limit.PER_MINUTE, MINUTE),
        (quotas(per_day=2), Limit.PER_DAY, DAY),
        (quotas(destination_per_hour=2), Limit.DESTINATION, HOUR),
    ],
)
def test_a_window_slides_from_call_to_call(limits: Quotas, limit: Limit, window_s: float) -> None:
    quota = Quota(limits)
    assert [quota.admit("k", number(1), at) for at in (0.0, 10.0)] == [None, None]
    assert quota.admit("k", number(1), 20.0) == Refusal(limit, window_s - 20.0)
    assert quota.admit("k", number(1), window_s - 1) == Refusal(limit, 1.0)
    assert quota.admit("k", number(1), window_s) is None
    assert quota.admit("k", number(1), window_s) == Refusal(limit, 10.0)


def test_one_number_is_guarded_against_all_keys_together() -> None:
    quota = Quota(Quotas())
    assert [quota.admit(key, number(1), 0.0) for key in "abc"] == [None] * 3
    assert quota.admit("d", number(1), 600.0) == Refusal(Limit.DESTINATION, 3000.0)
    assert quota.admit("d", number(2), 600.0) is None


def test_of_several_reasons_the_longest_is_told() -> None:
    quota = Quota(quotas(concurrent=1, per_minute=1, per_day=1))
    quota.admit("k", number(1), 0.0)
    assert quota.admit("k", number(2), 1.0) == Refusal(Limit.PER_DAY, DAY - 1)


def test_what_was_refused_does_not_count() -> None:
    quota = Quota(quotas(per_minute=1, destination_per_hour=1))
    quota.admit("k", number(1), 0.0)
    for second in range(1, 60):
        assert quota.admit("k", number(2), float(second)) is not None
    assert quota.admit("k", number(2), 60.0) is None


def test_more_is_not_released_than_was_admitted() -> None:
    quota = Quota(quotas(concurrent=1))
    for _ in range(3):
        quota.release("k")
    assert quota.admit("k", number(1), 0.0) is None
    assert quota.admit("k", number(2), 0.0) is not None


def test_more_numbers_than_are_kept_account_of_are_not_called() -> None:
    quota = Quota(Quotas(MANY, MANY, MANY, most_destinations=2))
    assert [quota.admit("k", number(n), float(n)) for n in (1, 2)] == [None, None]
    assert quota.admit("k", number(3), 10.0) == Refusal(Limit.CROWDED, HOUR - 9)
    assert quota.admit("k", number(1), 10.0) is None
    assert quota.admit("k", number(3), HOUR + 2) is None


def test_a_key_that_is_done_makes_room_for_another() -> None:
    quota = Quota(Quotas(most_keys=1))
    quota.admit("a", number(1), 0.0)
    assert quota.admit("b", number(2), DAY - 1) == Refusal(Limit.CROWDED, 5.0)
    assert quota.admit("b", number(2), DAY) == Refusal(Limit.CROWDED, 5.0)
    quota.release("a")
    assert quota.admit("b", number(2), DAY) is None


@pytest.mark.parametrize(
    "name",
    ["concurrent", "per_minute", "per_day", "destination_per_hour", "most_destinations", "most_keys"],
)
def test_a_quota_is_at_least_one(name: str) -> None:
    with pytest.raises(SettingsError, match=name):
        Quotas(**{name: 0})


class Callers(RuleBasedStateMachine):
    """Keys that call as often as they can, against a plain list of everything that was admitted."""

    LIMITS = Quotas(3, 4, 9, 2, most_destinations=4, most_keys=3)

    def __init__(self) -> None:
        super().__init__()
        self.quota = Quota(self.LIMITS)
        self.now = 1000.0
        self.placed: list[tuple[float, str, E164]] = []
        self.active: Counter[str] = Counter()

    @rule(seconds=st.sampled_from([0.0, 0.125, 7.5, 30.0, 61.0, 1800.0, 3600.0, 43_200.0, 86_400.0]))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @rule(key=st.sampled_from("abcd"), to=st.integers(0, 5).map(number))
    def calls(self, key: str, to: E164) -> None:
        refusal = self.quota.admit(key, to, self.now)
        if refusal is None:
            self.placed.append((self.now, key, to))
            self.active[key] += 1
        else:
            assert 0 < refusal.retry_after_s <= DAY
            assert self.reasons(key, to)
        assert self.within(key, to)

    @rule(key=st.sampled_from("abcd"))
    def hangs_up(self, key: str) -> None:
        self.quota.release(key)
        self.active[key] -= bool(self.active[key])

    @invariant()
    def active_calls_agree(self) -> None:
        assert all(self.quota.active(key) == self.active[key] for key in "abcd")

    @invariant()
    def memory_is_bounded(self) -> None:
        assert len(self.quota._called) <= self.LIMITS.most_destinations
        assert len(self.quota._accounts) <= self.LIMITS.most_keys
        assert all(len(account.placed) <= self.LIMITS.per_day for account in self.quota._accounts.values())

    def counts(self, key: str, to: E164) -> tuple[int, int, int, int]:
        return (
            self.active[key],
            sum(at > self.now - MINUTE and who == key for at, who, _ in self.placed),
            sum(at > self.now - DAY and who == key for at, who, _ in self.placed),
            sum(at > self.now - HOUR and called == to for at, _, called in self.placed),
        )

    def within(self, key: str, to: E164) -> bool:
        return all(count <= most for count, most in zip(self.counts(key, to), (3, 4, 9, 2), strict=True))

    def reasons(self, key: str, to: E164) -> bool:
        full = any(count >= most for count, most in zip(self.counts(key, to), (3, 4, 9, 2), strict=True))
        numbers = {called for at, _, called in self.placed if at > self.now - HOUR} - {to}
        keys = {who for at, who, _ in self.placed if at > self.now - DAY} | set(+self.active)
        return full or len(numbers) >= 4 or len(keys - {key}) >= 3


TestCallers = Callers.TestCase


@given(st.lists(st.integers(0, 400), min_size=1, max_size=60))
def test_after_the_time_told_the_call_is_placed(pauses: list[int]) -> None:
    quota, now = Quota(quotas(per_minute=3, per_day=20, destination_per_hour=5)), 0.0
    for at, pause in enumerate(pauses):
        now += pause / 8
        while (refusal := quota.admit("k", number(at % 3), now)) is not None:
            now += refusal.retry_after_s
        quota.release("k")
    assert now <= DAY * (1 + len(pauses) // 20) + 8 * HOUR + 400 * len(pauses)
