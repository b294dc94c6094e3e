"""Everybody of a run: which session is of which call, what was said in each, and what crossed over."""

import asyncio
from typing import Final

from gateway.emulators.chaos.actor import AgentPart, Manner
from gateway.emulators.chaos.caller import CallPart, Habits
from gateway.emulators.chaos.facts import MARGIN_S, Expected, Fact, Said, facts_in
from gateway.emulators.chaos.introduction import caller_of, carries_on
from gateway.emulators.chaos.watermarks import Watermarks, agent_voice, caller_voice
from gateway.emulators.twilio.emulator import TwilioEmulator
from gateway.emulators.twilio.line_clock import LoopClock
from gateway.emulators.vatel.emulator import VatelEmulator
from gateway.emulators.vatel.records import TokenRequest
from gateway.emulators.vatel.session import Session

_PAIRING_S: Final = 8.0
_HEARD_BYTES: Final = 48_000
"""What was heard last by a session tells whose call it is: a second of it."""


class Cast:
    """Knows the calls and sessions of a run, and drives the sessions.

    Args:
        twilio: Where the calls are.
        vatel: Where the sessions are.
        manner: How agents take part.

    """

    def __init__(self, twilio: TwilioEmulator, vatel: VatelEmulator, manner: Manner) -> None:
        self.twilio, self.vatel, self.manner = twilio, vatel, manner
        self.calls: dict[int, CallPart] = {}
        self.parts: dict[str, AgentPart] = {}
        self.down = Watermarks(1)
        self.up = Watermarks(2)
        self.clock = _Clock(twilio)
        self._sessions = 0
        self._last_caller = 0
        self._placing = asyncio.Lock()
        self._requests: dict[int, int] = {}
        self._callers: dict[str, int] = {}

    @property
    def next_number(self) -> int:
        """The number of a caller there has not been."""
        return self._last_caller + 1

    async def place(self, number: int, habits: Habits, to: str, from_: str) -> CallPart:
        """Place a call; return when a session was asked for, which is its own where none says whose it is."""
        voice = caller_voice(number)
        part = CallPart(number, voice, habits, self.clock, self.down, self.recognize)
        self.calls[number] = part
        self._last_caller = max(self._last_caller, number)
        self.up.add(number, voice.heard)
        self._callers[from_] = number
        async with self._placing:
            known = len(self._fresh())
            part.call = await self.twilio.call_in(to=to, from_=from_)
            part.request = await self._request(known)
            if part.request is not None and caller_of(part.request) is None:
                self._requests[id(part.request)] = number
        return part

    async def _request(self, known: int) -> TokenRequest | None:
        try:
            await self.vatel.wait_for(lambda: len(self._fresh()) > known, _PAIRING_S)
        except TimeoutError:
            return None
        return self._fresh()[known]

    def _fresh(self) -> list[TokenRequest]:
        """The requests for tokens that carry on nothing."""
        return [asked for asked in self.vatel.token_requests if not carries_on(asked)]

    def forget(self, part: CallPart) -> None:
        """A call is over, and everything about it has been looked at."""
        self.calls.pop(part.number, None)
        self.up.forget(part.number)
        self._callers = {caller: number for caller, number in self._callers.items() if number != part.number}
        for agent in part.sessions:
            self.down.forget(agent.number)
            self.parts.pop(agent.session.id, None)

    # What the emulated service tells.

    def opened(self, session: Session) -> AgentPart:
        """A session was opened; it may yet have to start."""
        known = self.parts.get(session.id)
        if known is not None:
            return known
        self._sessions += 1
        voice = agent_voice(self._sessions)
        self.down.add(self._sessions, voice.heard)
        part = AgentPart(self._sessions, session, voice, self.manner)
        self.parts[session.id] = part
        self._place_in(part, self._whose(part))
        return part

    def _whose(self, part: AgentPart) -> int | None:
        """The call a session is for: it was told so, or that call waited for it, or it knows its facts."""
        asked = part.session.record.token_request
        caller = caller_of(asked)
        if caller is not None:
            return self._callers.get(caller)
        return self._requests.get(id(asked)) or _only_call(part.told)

    async def act(self, session: Session) -> None:
        """Drive a session that has started."""
        await self.opened(session).play(self)

    def joined(self, part: AgentPart) -> None:
        """A session has started. Told of no fact, it is of the one call that lacks an agent."""
        part.joined_s = self.clock.now()
        if part.call is None:
            waiting = [
                call.number
                for call in self.calls.values()
                if call.sessions and call.sessions[-1].session.record.ended and not call.placed.over
            ]
            if len(waiting) == 1:
                self._place_in(part, waiting[0])

    def recognize(self, number: int, call: CallPart) -> None:
        """A caller hears a session: if nobody knew whose it is, it is known now."""
        part = next((part for part in self.parts.values() if part.number == number), None)
        if part is not None and part.call is None:
            self._place_in(part, call.number)

    def heard(self, part: AgentPart) -> str:
        """What the caller has just said."""
        callers = self.up.heard_in(bytes(part.session.record.heard[-_HEARD_BYTES:]))
        if part.call is None and callers:
            self._place_in(part, max(callers, key=lambda number: callers[number]))
        call = self.calls.get(part.call or 0)
        if call is None:
            return "Hello?"
        last = next((said for said in reversed(call.said) if said.session is None), None)
        if last is None:
            return "Hello?"
        if not part.session.ending:  # what is said behind a close reaches nobody
            last.told_at = self.clock.now()
        return last.text

    def lines(self, part: AgentPart, facts: int) -> str:
        """What the agent says next: as many new facts of its call."""
        call = self.calls.get(part.call or 0)
        if call is None:
            return "Hello, what can I do?"
        first = call.facts + 1
        call.facts += facts
        return "Well: " + " ".join(str(Fact(call.number, number)) for number in range(first, first + facts))

    def said(self, part: AgentPart, said: Said) -> None:
        """An agent has begun to say something."""
        call = self.calls.get(part.call or 0)
        if call is not None:
            # What was sent before need not have been heard: a gateway may keep repeated words to itself.
            said.before_s = part.turn_from_s = call.heard_s.get(part.number, 0.0)
            call.said.append(said)

    def _place_in(self, part: AgentPart, number: int | None) -> None:
        call = self.calls.get(number or 0)
        if call is not None:
            part.call = call.number
            call.sessions.append(part)

    # What is found out.

    def expected(self, call: CallPart, at_s: float, lost: AgentPart | None) -> Expected:
        """What a session that takes over a call after a moment must know, and must not."""
        hearing = call.hearing
        assert hearing is not None, "a call is listened to before it is judged"
        known, unknown = set[Fact](), set[Fact]()
        for said in call.said:
            if said.session is None:
                if said.told_at is not None and said.told_at < at_s - MARGIN_S:
                    known |= facts_in(said.text)
                continue
            if lost is not None and said.session > lost.number:
                continue
            before, ever = hearing.agent_s(said.session, at_s), hearing.agent_s(said.session)
            for fact, begins, ends in said.facts():
                if before >= said.before_s + ends + MARGIN_S:
                    known.add(fact)
                elif ever <= said.before_s + begins - MARGIN_S:
                    unknown.add(fact)
        return Expected(frozenset(known), frozenset(unknown - known))  # it may have been said again

    def foreign(self, call: CallPart) -> list[str]:
        """Samples, lines and tool results in a call that are another's."""
        found = []
        for line in call.placed.lines:
            for number in self.down.heard_in(line.heard):
                whose = next((part.call for part in self.parts.values() if part.number == number), None)
                if whose not in (None, call.number):
                    found.append(f"the caller of call {call.number} heard the agent of call {whose}")
        for part in call.sessions:
            callers = self.up.heard_in(bytes(part.session.record.heard)).keys() - {call.number}
            found += [
                f"session {part.number} of call {call.number} heard caller {other}" for other in callers
            ]
            strangers = {fact.call for fact in facts_in(part.told)} - {call.number}
            found += [
                f"session {part.number} of call {call.number} was told of call {other}" for other in strangers
            ]
            mine = f'"session":{part.number},"call":{call.number}'
            found += [
                f"session {part.number} got another's tool result: {output[:80]}"
                for output in part.tool_outputs
                if "session" in output and mine not in output.replace(" ", "").replace("\\", "")
            ]
        return found


def _only_call(told: str) -> int | None:
    """The call whose facts a session was told of; nobody knows if there are several."""
    calls = {fact.call for fact in facts_in(told)}
    return calls.pop() if len(calls) == 1 else None


class _Clock(LoopClock):
    """The emulated Twilio's time, which begins before the cast's."""

    def __init__(self, twilio: TwilioEmulator) -> None:
        super().__init__()
        self._twilio = twilio

    def now(self) -> float:
        """Seconds since the emulator started."""
        return self._twilio.now
