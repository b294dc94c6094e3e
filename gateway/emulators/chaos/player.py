"""Plays a fault script against a call: waits for the moment, breaks the call's own link, heals it."""

import asyncio
from typing import Final, Protocol

from gateway.emulators.chaos.actor import AgentPart, State
from gateway.emulators.chaos.caller import CallPart, Strike
from gateway.emulators.chaos.connection import Connection
from gateway.emulators.chaos.faults import Way
from gateway.emulators.chaos.proxy import ToxicProxy
from gateway.emulators.chaos.script import PREFIX, STREAM, Act, Injection, Link, Phase
from gateway.emulators.twilio.line import Line

_LOOK_S: Final = 0.01
_NOTICE_S: Final = 20.0

_STATES: Final = {
    Phase.BEFORE_START: (State.JOINING,),
    Phase.GREETING: (State.GREETING,),
    Phase.CALLER_SPEAKING: (State.LISTENING, State.CALLER),
    Phase.AGENT_SPEAKING: (State.SPEAKING,),
    Phase.TOOL_PENDING: (State.TOOL,),
}


class Links(Protocol):
    """The proxies between the gateway and everybody else."""

    def proxy(self, link: Link) -> ToxicProxy | None:
        """The proxy a link goes through; ``None`` where there is no such link."""

    async def befall(self, injection: Injection, call: CallPart) -> list[str]:
        """Have something happen to the gateway itself, or at its doors; what was wrong with that."""


def in_phase(call: CallPart, phase: Phase) -> bool:
    """Whether a call is in a phase."""
    agent = call.current
    if agent is None or agent.state not in _STATES[phase]:
        return False
    match phase:
        case Phase.CALLER_SPEAKING:
            return call.speaking
        case Phase.GREETING | Phase.AGENT_SPEAKING:  # as the caller hears it
            return call.last_heard == agent.number and call.heard_s[agent.number] < agent.sent_s
        case _:
            return True


def _spoken(call: CallPart, injection: Injection) -> bool:
    return call.done >= injection.after_exchange


async def play(injection: Injection, call: CallPart, links: Links) -> Strike | None:
    """Wait for the moment, and have it happen; nothing happens to a call that is over before."""
    if injection.at_s:
        await asyncio.sleep(max(0.0, injection.at_s - call.placed.now))
    while not (_spoken(call, injection) and (injection.phase is None or in_phase(call, injection.phase))):
        if call.placed.status.final:
            return None
        await asyncio.sleep(_LOOK_S)
    await asyncio.sleep(injection.later_s)
    if call.placed.status.final or _lost_already(injection, call.current, links):
        return None
    return await strike(injection, call, links)


def _lost_already(injection: Injection, agent: AgentPart | None, links: Links) -> bool:
    """Whether nothing is left to break of an agent that was there; the link is other calls' as well."""
    proxy = links.proxy(injection.link)
    if injection.link is not Link.AGENT or agent is None or proxy is None:
        return False
    return agent.session.record.ended or _own(injection.link, agent, proxy) is None


async def strike(injection: Injection, call: CallPart, links: Links) -> Strike:
    """Have it happen now, and heal what is to heal."""
    agent = call.current
    made = Strike(call.clock.now(), injection, agent, call.own_turn, agent.state if agent else None)
    call.strikes.append(made)
    if injection.link in (Link.PROCESS, Link.DOORS):
        made.found += await links.befall(injection, call)
        return made
    if injection.act is not None and injection.link is Link.CALLER:
        if call.placed.line is not None:
            _garble(injection, call.placed.line)
        return made
    if injection.act is not None:
        if agent is not None:
            call.broken_off = call.broken_off or injection.act is Act.TEXT
            _act(injection, injection.act, agent)
        return made
    proxy = links.proxy(injection.link)
    if proxy is None:
        return made
    connection = _own(injection.link, agent, proxy)
    if connection is not None:
        connection.ail(injection.as_fault())
        if injection.for_s is None:
            await _noticed(made, call, connection)
        else:
            await asyncio.sleep(injection.for_s)
            connection.heal()
        return made
    proxy.ail(injection.as_fault(), PREFIX.get(injection.link, ""))
    if injection.for_s is not None:
        await asyncio.sleep(injection.for_s)
        await proxy.heal()
    return made


def _own(link: Link, agent: AgentPart | None, proxy: ToxicProxy) -> Connection | None:
    """The connection of this call alone, where a link has one for each."""
    if link is Link.AGENT and agent is not None:
        return next(iter(proxy.find(agent.session.record.token)), None)
    if link is Link.CALLER:
        found = proxy.find(PREFIX[Link.CALLER])
        return found[0] if len(found) == 1 else None
    return None


def _act(injection: Injection, act: Act, agent: AgentPart) -> None:
    session = agent.session
    match act:
        case Act.CLOSE:
            session.close(injection.code)
        case Act.END:
            session.end()
        case Act.SILENCE:
            agent.muted = True
        case Act.TEXT:
            for _ in range(injection.times):
                session.send_raw(injection.text)


def _garble(injection: Injection, line: Line) -> None:
    """Send what Twilio would not."""
    text = injection.text.replace(STREAM, line.core.names.stream_sid)
    for _ in range(injection.times):
        line.inject(text)


async def _noticed(made: Strike, call: CallPart, connection: Connection) -> None:
    """Find out when the gateway gave a connection up of which it was told nothing."""
    way = Way.UP if made.injection.link is Link.AGENT else Way.DOWN
    for _ in range(round(_NOTICE_S / _LOOK_S)):
        if way in connection.left_at or connection.over or call.placed.status.final:
            break
        await asyncio.sleep(_LOOK_S)
    made.noticed_s = call.clock.now() - made.at_s
