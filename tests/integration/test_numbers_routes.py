"""Routes: what they may say, and how a call finds its own without the database."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.emulators.vatel.behaviour import Behaviour
from gateway.errors import TemplateError, VendorUnauthorized, VendorUnavailable
from gateway.ids import AgentId
from gateway.policy.values import Values
from gateway.services.number_errors import NumberRefused, RouteUnknown
from gateway.services.number_rules import RouteDraft
from gateway.services.routes import Route, Routes
from gateway.store import numbers as store
from gateway.store.errors import StoreUnavailable
from tests.integration.gateway_rig import until
from tests.integration.numbers_rig import AGENT, OTHER_AGENT, OURS, PERSON, SECOND, Rig, running
from tests.integration.store.samples import NOW

pytestmark = pytest.mark.anyio
FULL = RouteDraft(
    agent_id=AGENT,
    first_message="Hello {{name|there}}.",
    prompt="You are helpful.",
    fallback_number="+1 415 555 0199",
    transfer_numbers=(PERSON, "+1-415-555-0199"),
    tools=("lookup_order", "lookup_order"),
    max_duration_s=600,
    recording=True,
    recording_notice="This call is recorded.",
    lookup_url="https://crm.example.com/callers?of=us",
)


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    async with running(tmp_path) as made:
        yield made


async def published(rig: Rig) -> str:
    clients = rig.clients[1]
    version = (await clients.agents.versions(AGENT))[0]
    return version.id


async def test_a_route_comes_back_as_it_is_kept(rig: Rig) -> None:
    await rig.numbers.label(OURS, "Sales")
    kept = await rig.numbers.put_route(" +1 415-555-0100 ", FULL)
    assert await rig.numbers.route(OURS) == kept
    assert kept == store.Number(
        number=OURS,
        label="Sales",
        agent_id=AGENT,
        first_message=FULL.first_message,
        prompt=FULL.prompt,
        fallback_number=PERSON,
        transfer_numbers=(PERSON,),
        tools=("lookup_order",),
        max_duration_s=600,
        recording=True,
        recording_notice=FULL.recording_notice,
        lookup_url=FULL.lookup_url,
    )


async def test_a_route_replaces_the_one_before(rig: Rig) -> None:
    await rig.numbers.put_route(OURS, FULL)
    await rig.numbers.put_route(OURS, RouteDraft(weights={AGENT: 3, OTHER_AGENT: 0}))
    assert await rig.numbers.route(OURS) == store.Number(number=OURS, weights={AGENT: 3, OTHER_AGENT: 0})


async def test_a_number_without_a_route_is_answered_as_the_settings_say(rig: Rig) -> None:
    await rig.numbers.label(OURS, "Sales")
    for attempt in (rig.numbers.route(OURS), rig.numbers.clear_route(OURS), rig.numbers.route(SECOND)):
        with pytest.raises(RouteUnknown):
            await attempt
    await rig.numbers.put_route(OURS, FULL)
    await rig.numbers.clear_route(OURS)
    with pytest.raises(RouteUnknown):
        await rig.numbers.route(OURS)
    assert (await rig.numbers.list()).numbers[0].label == "Sales"


async def test_a_version_is_one_of_its_agent(rig: Rig) -> None:
    version = await published(rig)
    for agent in (AGENT, None):
        kept = await rig.numbers.put_route(OURS, RouteDraft(agent_id=agent, version_id=version))
        assert (kept.agent_id, kept.version_id) == (agent, version)
    with pytest.raises(NumberRefused) as refused:
        await rig.numbers.put_route(OURS, RouteDraft(agent_id=OTHER_AGENT, version_id=version))
    assert refused.value.field == "version_id"


@pytest.mark.parametrize(
    ("draft", "field"),
    [
        (RouteDraft(), ""),
        (RouteDraft(agent_id="00000000-0000-4000-8000-000000000000"), "agent_id"),
        (RouteDraft(agent_id="no id/../of anything"), "agent_id"),
        (RouteDraft(version_id="00000000-0000-4000-8000-000000000000"), "version_id"),
        (RouteDraft(first_message="Hello {{name"), "first_message"),
        (RouteDraft(first_message=" "), "first_message"),
        (RouteDraft(prompt="x" * 16_385), "prompt"),
        (RouteDraft(fallback_number="911"), "fallback_number"),
        (RouteDraft(fallback_number="+19005550199"), "fallback_number"),
        (RouteDraft(fallback_number=OURS), "fallback_number"),
        (RouteDraft(transfer_numbers=(PERSON, "+88212345678")), "transfer_numbers.1"),
        (RouteDraft(transfer_numbers=(PERSON,) * 51), "transfer_numbers"),
        (RouteDraft(tools=("lookup_order", "rob_bank")), "tools.1"),
        (RouteDraft(max_duration_s=0), "max_duration_s"),
        (RouteDraft(max_duration_s=14_401), "max_duration_s"),
        (RouteDraft(recording=True, recording_notice=" "), "recording_notice"),
        (RouteDraft(recording=True), "recording_notice"),
        (RouteDraft(lookup_url="http://crm.example.com"), "lookup_url"),
        (RouteDraft(lookup_url="https://169.254.169.254/latest"), "lookup_url"),
        (RouteDraft(weights={}), "weights"),
        (RouteDraft(weights={AGENT: 0}), "weights"),
        (RouteDraft(weights={AGENT: -1}), "weights"),
        (RouteDraft(weights={AGENT: 1, "unknown": 1}), "weights.unknown"),
        (RouteDraft(weights={AGENT: 1}, agent_id=AGENT), "weights"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_a_field_that_will_not_do_is_named(rig: Rig, draft: RouteDraft, field: str) -> None:
    with pytest.raises(NumberRefused) as refused:
        await rig.numbers.put_route(OURS, draft)
    assert refused.value.field == field
    with pytest.raises(RouteUnknown):
        await rig.numbers.route(OURS)


@pytest.mark.parametrize(("status", "kind"), [(503, VendorUnavailable), (401, VendorUnauthorized)])
async def test_what_is_not_the_requests_fault_is_not_blamed_on_a_field(
    rig: Rig, status: int, kind: type[Exception]
) -> None:
    rig.vatel.behaviour = Behaviour(api_status=status)
    with pytest.raises(kind):
        await rig.numbers.put_route(OURS, RouteDraft(agent_id=AGENT))


# In memory.


async def test_a_change_counts_from_the_next_call_on(rig: Rig) -> None:
    async with rig.routes.running():
        assert rig.routes.route(OURS) is None
        await rig.numbers.put_route(OURS, FULL)
        route = rig.routes.route(OURS)
        assert route is not None
        assert route.agent("CA1") == AGENT
        assert route.first_message is not None
        assert route.first_message.spoken(Values({"name": "Ada"})).text == "Hello Ada."
        assert (route.tools, route.transfer_numbers) == (frozenset({"lookup_order"}), (PERSON,))
        await rig.numbers.clear_route(OURS)
        assert rig.routes.route(OURS) is None


async def test_calls_are_shared_by_weight(rig: Rig) -> None:
    async with rig.routes.running():
        await rig.numbers.put_route(OURS, RouteDraft(weights={AGENT: 1, OTHER_AGENT: 1}))
        route = rig.routes.route(OURS)
        assert route is not None
        assert {route.agent(f"CA{call}") for call in range(50)} == {AGENT, OTHER_AGENT}
        assert route.agent("CA1") == route.agent("CA1")


async def test_a_label_alone_is_no_route(rig: Rig) -> None:
    await rig.numbers.label(OURS, "Sales")
    async with rig.routes.running():
        assert rig.routes.route(OURS) is None


async def test_what_another_process_changes_is_seen_soon(rig: Rig) -> None:
    routes = Routes(rig.database, refresh_s=0.01)
    async with routes.running():
        await rig.numbers.put_route(OURS, RouteDraft(max_duration_s=60))
        await until(lambda: routes.route(OURS) is not None)
        await rig.numbers.clear_route(OURS)
        await until(lambda: routes.route(OURS) is None)


async def test_routes_outlast_the_database(rig: Rig) -> None:
    await rig.numbers.put_route(OURS, RouteDraft(max_duration_s=60))
    async with rig.routes.running():
        with rig.broken_database():
            assert await rig.routes.refresh() is False
            assert await rig.routes.refresh() is False
            assert rig.routes.route(OURS) is not None
        await rig.numbers.put_route(OURS, RouteDraft(max_duration_s=90))
        route = rig.routes.route(OURS)
        assert route is not None
        assert route.max_duration_s == 90
    assert rig.output.getvalue().count("routes not refreshed") == 1
    assert rig.output.getvalue().count("routes refreshed again") == 1


async def test_without_routes_nothing_starts(rig: Rig) -> None:
    with rig.broken_database(), pytest.raises(StoreUnavailable):
        async with rig.routes.running():
            pytest.fail("calls would go to the wrong agents")


async def test_a_row_that_cannot_be_used_leaves_the_route_as_it_was(rig: Rig) -> None:
    await rig.numbers.put_route(OURS, RouteDraft(max_duration_s=60, prompt="Good."))
    async with rig.routes.running():
        good = rig.routes.route(OURS)
        async with rig.database.write() as connection:
            await store.put(connection, store.Number(number=OURS, prompt="{{"), NOW)
            await store.put(connection, store.Number(number=SECOND, weights={AgentId("a"): -1}), NOW)
        assert await rig.routes.refresh()
        assert await rig.routes.refresh()
        assert rig.routes.route(OURS) is good
        assert rig.routes.route(SECOND) is None
        await rig.numbers.put_route(OURS, RouteDraft(prompt="Better."))
        assert rig.routes.route(OURS) != good
    assert rig.output.getvalue().count("route unusable") == 2


async def test_refreshing_at_once_ends_with_the_newest(rig: Rig) -> None:
    async with rig.routes.running():
        drafts = [RouteDraft(max_duration_s=seconds) for seconds in (60, 70, 80)]
        await asyncio.gather(*(rig.numbers.put_route(OURS, draft) for draft in drafts))
        route = rig.routes.route(OURS)
        assert route == Route.of(await rig.numbers.route(OURS))


def test_a_row_is_made_ready_or_refused() -> None:
    row = store.Number(number=OURS, agent_id=AGENT, weights={OTHER_AGENT: 1})
    assert Route.of(row).agent("CA1") == OTHER_AGENT
    unannounced = Route.of(store.Number(number=OURS, recording=True))
    assert (unannounced.agent("CA1"), unannounced.recorded) == (None, False)
    with pytest.raises(TemplateError):
        Route.of(store.Number(number=OURS, prompt="{{"))
