"""A plan as text, and back: what another process must know of a call, and nothing more than it may do."""

import asyncio
from datetime import UTC, datetime

import pytest

from gateway.bridge.history import Line, Past, ToolTrace, Voice
from gateway.bridge.limits import Limits, ToolBook
from gateway.calls.plan import Parties, Plan, Words
from gateway.ids import E164, AgentId, CallSid
from gateway.services.plans import Defaults
from gateway.services.resumption import NotResumable, revived, written
from gateway.store.identifiers import new_call
from gateway.store.leases import Lease, State
from gateway.store.records import Direction

HUMAN, OTHER = E164("+14155550199"), E164("+14155550198")
WORDS = Words(agent_id=AgentId("agent"), first_message="Hello, Ada.", prompt="Be kind.", variables={"a": 1})
AGAIN = Words(agent_id=AgentId("another"))
DEFAULTS = Defaults(AgentId("default"), ToolBook({"look": 5.0, "book": 9.0}, (HUMAN,)), Limits())
PAST = Past((Line(Voice.AGENT, "Hello."), Line(Voice.CALLER, "I am Ada.")), (ToolTrace("lookup", "{}", "1"),))
BEGAN = datetime(2026, 11, 25, tzinfo=UTC)


async def words() -> Words:
    return WORDS


PLAN = Plan(
    call_id=new_call(),
    parties=Parties(Direction.OUTBOUND, E164("+14155550100"), E164("+14155550123")),
    words=words,
    book=ToolBook({"look": 30.0, "gone": 1.0}, (HUMAN, OTHER)),
    limits=Limits(max_call_s=600.0),
    fallback_number=OTHER,
    record=True,
    callback_url="https://customer.test/events",
    metadata={"order": 7, "text": "\x00"},
)


def lease(resume: str, epoch: int = 1) -> Lease:
    return Lease(
        call_id=PLAN.call_id,
        call_sid=CallSid("CA1"),
        owner="one",
        epoch=epoch,
        recoveries=1,
        until=BEGAN,
        state=State.LIVE,
        falls_back=False,
        resume=resume,
        created_at=BEGAN,
    )


def again(parties: Parties, call_sid: str) -> Words:
    assert (parties, call_sid) == (PLAN.parties, "CA1")
    return AGAIN


def test_a_call_goes_on_as_it_was_planned() -> None:
    plan = revived(lease(written(PLAN, WORDS), epoch=2), PAST, DEFAULTS, again, gone_s=100.0)
    assert (plan.call_id, plan.parties, plan.past, plan.epoch) == (PLAN.call_id, PLAN.parties, PAST, 2)
    assert (plan.fallback_number, plan.record, plan.callback_url) == (OTHER, True, PLAN.callback_url)
    assert (plan.metadata, plan.began) == (PLAN.metadata, BEGAN)
    assert plan.limits.max_call_s == 500.0
    assert asyncio.run(plan.words()) == WORDS  # type: ignore[arg-type]  # it is a coroutine


def test_a_process_grants_no_tool_it_does_not_have_itself() -> None:
    plan = revived(lease(written(PLAN, WORDS)), Past(), DEFAULTS, again)
    assert plan.book == ToolBook({"look": 5.0}, (HUMAN, OTHER))


def test_a_call_near_its_end_has_a_minute_left() -> None:
    assert (
        revived(lease(written(PLAN, WORDS)), Past(), DEFAULTS, again, gone_s=599.0).limits.max_call_s == 60.0
    )


def test_words_that_were_not_known_yet_are_looked_for_again() -> None:
    plan = revived(lease(written(PLAN, None)), Past(), DEFAULTS, again)
    assert asyncio.run(plan.words()) == AGAIN  # type: ignore[arg-type]  # it is a coroutine


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"direction": "sideways"}', "\ud800"])
def test_what_can_t_be_read_is_no_plan(text: str) -> None:
    with pytest.raises(NotResumable):
        revived(lease(text), Past(), DEFAULTS, again)
