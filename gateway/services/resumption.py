"""What another process must know of a call to go on with it: a plan as text, and a plan from text."""

from collections.abc import Callable
from dataclasses import replace
from typing import Final

import msgspec

from gateway.bridge.history import Past
from gateway.bridge.limits import Limits, ToolBook
from gateway.calls.plan import Parties, Plan, Words
from gateway.clients.vatel.agent import VersionId
from gateway.errors import GatewayError
from gateway.ids import E164, AgentId
from gateway.services.plans import Defaults, book, limits
from gateway.store.identifiers import KeyId
from gateway.store.leases import Lease
from gateway.store.records import Direction, Json

_LEAST_S: Final = 60.0
"""What is left of the longest call, at the least, for one that is taken over near its end."""


class NotResumable(GatewayError):
    """What is known of a call does not suffice to go on with it."""


class _Told(msgspec.Struct, omit_defaults=True):
    agent_id: str
    version_id: str | None = None
    first_message: str | None = None
    prompt: str | None = None
    variables: Json = {}


class _Resume(msgspec.Struct, omit_defaults=True):
    direction: str
    caller: str
    called: str
    tools: list[str]
    transfer_numbers: list[str]
    max_call_s: float
    fallback_number: str | None = None
    record: bool = False
    callback_url: str = ""
    api_key_id: str | None = None
    metadata: Json = {}
    told: _Told | None = None


_decoder = msgspec.json.Decoder(_Resume)


def written(plan: Plan, words: Words | None) -> str:
    """What is known of a call, once its agent's words are known and before."""
    told = None
    if words is not None:
        told = _Told(
            words.agent_id, words.version_id, words.first_message, words.prompt, dict(words.variables)
        )
    parties = plan.parties
    return _encoded(
        _Resume(
            direction=parties.direction.value,
            caller=parties.caller,
            called=parties.called,
            tools=sorted(plan.book.timeouts_s),
            transfer_numbers=list(plan.book.transfer_numbers),
            max_call_s=plan.limits.max_call_s,
            fallback_number=plan.fallback_number,
            record=plan.record,
            callback_url=plan.callback_url,
            api_key_id=plan.api_key_id,
            metadata=dict(plan.metadata),
            told=told,
        )
    )


def _encoded(resume: _Resume) -> str:
    try:
        return msgspec.json.encode(resume).decode()
    except (TypeError, ValueError, RecursionError):  # half a character, or what is no JSON
        bare = msgspec.structs.replace(resume, metadata={}, told=None)
        return msgspec.json.encode(bare).decode("utf-8", "replace")


def revived(
    lease: Lease,
    past: Past,
    defaults: Defaults,
    words_again: Callable[[Parties, str], Words],
    *,
    gone_s: float = 0.0,
) -> Plan:
    """The plan of a call that is taken over.

    Args:
        lease: The call.
        past: What was said and done in it.
        defaults: This process's own tools and bounds, within which the call stays.
        words_again: What the agent is told, where it was not known yet when its process was lost.
        gone_s: How long the call has lasted.

    Raises:
        NotResumable: the text is none of ours.
    """
    try:
        resume = _decoder.decode(lease.resume)
        parties = Parties(Direction(resume.direction), E164(resume.caller), E164(resume.called))
    except (msgspec.DecodeError, ValueError) as error:
        raise NotResumable("the lease's text can't be read") from error
    told = resume.told

    async def words() -> Words:
        return words_again(parties, lease.call_sid) if told is None else _words(told)

    return Plan(
        call_id=lease.call_id,
        parties=parties,
        words=words,
        book=_book(defaults.book, resume),
        limits=_left(defaults.limits, resume.max_call_s, gone_s),
        fallback_number=E164(resume.fallback_number) if resume.fallback_number else None,
        record=resume.record,
        callback_url=resume.callback_url,
        api_key_id=KeyId(resume.api_key_id) if resume.api_key_id else None,
        metadata=resume.metadata,
        past=past,
        epoch=lease.epoch,
        began=lease.created_at,
    )


def _words(told: _Told) -> Words:
    return Words(
        agent_id=AgentId(told.agent_id),
        version_id=VersionId(told.version_id) if told.version_id else None,
        first_message=told.first_message,
        prompt=told.prompt,
        variables=told.variables,
    )


def _book(allowed: ToolBook, resume: _Resume) -> ToolBook:
    return book(allowed, frozenset(resume.tools), tuple(E164(number) for number in resume.transfer_numbers))


def _left(usual: Limits, max_call_s: float, gone_s: float) -> Limits:
    whole = limits(usual, None)
    return replace(whole, max_call_s=max(_LEAST_S, max_call_s - gone_s))
