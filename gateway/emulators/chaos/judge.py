"""Judges a call that is over: what its caller went through, measured from each strike, and how it ended."""

from typing import Final

from gateway.emulators.chaos.caller import CallPart, Strike
from gateway.emulators.chaos.cast import Cast
from gateway.emulators.chaos.ear import Heard, Hearing, listen
from gateway.emulators.chaos.faults import Kind
from gateway.emulators.chaos.figures import Outcome
from gateway.emulators.chaos.script import Link
from gateway.emulators.twilio.records import EndedBy

SILENCE: Final = "heard silence (s)"
SOUND: Final = "to a sound (s)"
WORDS: Final = "to words (s)"
AGENT: Final = "to the agent (s)"
NOTICED: Final = "half-open noticed (s)"

WENT_ON: Final = "went on with an agent"
TRANSFERRED: Final = "transferred"
APOLOGY: Final = "apology"
DROPPED: Final = "dropped without a word"
HUNG: Final = "hung"
NEVER: Final = "never connected"
GOODBYE: Final = "ended by the agent"

_TURN_S: Final = 0.3
"""From the end of a voice to the caller's taking the turn."""


def hear(cast: Cast, call: CallPart) -> Hearing:
    """Listen to everything a caller heard; once for a call."""
    if call.hearing is None:
        call.hearing = listen(call.placed, cast.clock.now(), cast.twilio.events, cast.down)
    return call.hearing


def ending(call: CallPart) -> str:
    """How a call ended, as its caller would say."""
    hearing = call.hearing or Hearing()
    kinds = [stretch.heard for stretch in hearing.stretches]
    if Heard.PERSON in kinds:
        return TRANSFERRED
    if call.hung:
        return HUNG
    if call.placed.ended_by in (EndedBy.CALLER, EndedBy.CALLEE):
        return WENT_ON
    if not kinds:
        return NEVER
    audible = [stretch for stretch in hearing.stretches if stretch.heard >= Heard.WORDS]
    if not audible or audible[-1].heard is not Heard.WORDS:
        ended = any(strike.injection.fault == "end" for strike in call.strikes)
        return GOODBYE if ended and audible else DROPPED
    return APOLOGY


def judge(cast: Cast, call: CallPart, outcome: Outcome) -> None:
    """Measure what a caller went through, and say what was wrong with it."""
    hearing = hear(cast, call)
    outcome.ending = ending(call)
    outcome.measure(SILENCE, hearing.longest_silence_s(call.own))
    for strike in call.strikes:
        _measure(call, strike, hearing, outcome)
    if outcome.ending in (HUNG, DROPPED, NEVER):
        outcome.troubles.append(outcome.ending)
    outcome.troubles += cast.foreign(call)
    outcome.troubles += [
        f"session {part.number}: {error}" for part in call.sessions for error in part.session.record.errors
    ]


def _measure(call: CallPart, strike: Strike, hearing: Hearing, outcome: Outcome) -> None:
    """From the strike, or from when the gateway could know; words and sound from the lost voice's last."""
    since = strike.at_s
    if strike.injection.fault == Kind.BLACK_HOLE and strike.noticed_s is not None:
        outcome.measure(NOTICED, strike.noticed_s)
        since += strike.noticed_s
    # Only a fault of the session's own link takes its agent away.
    gone = strike.session is not None and strike.injection.link is Link.AGENT
    lost = [strike.session.number] if gone and strike.session else []
    newer = [part for part in call.sessions if not lost or part.number > lost[0]]
    joined = next((part.joined_s for part in newer if part.joined_s is not None), None)
    agent_s = hearing.first_s(Heard.AGENT, since, but=lost)
    tail = max([since, *(each.end_s for each in hearing.stretches if each.session in lost)])
    if strike.own_turn or _unnoticed(call, tail):
        # Nobody owes the caller a word: the agent is back as soon as it listens.
        there = None if joined is None else joined - since
        outcome.measure(AGENT, there if agent_s is None else min(agent_s, there or agent_s))
        return
    outcome.measure(AGENT, agent_s)
    # Words that were heard before the gateway was sure that the agent is gone count as heard at once.
    struck = max([strike.at_s, *(each.end_s for each in hearing.stretches if each.session in lost)])
    for measure, least in ((SOUND, Heard.NOISE), (WORDS, Heard.WORDS)):
        heard_s = hearing.first_s(least, struck, but=lost)
        outcome.measure(measure, None if heard_s is None else max(0.0, struck + heard_s - tail))


def _unnoticed(call: CallPart, tail: float) -> bool:
    """Whether the lost voice had said all it had to say, and the caller took the turn as if nothing were."""
    return any(abs(start - tail) <= _TURN_S and end - start > _TURN_S for start, end in call.own)


def told_right(cast: Cast, call: CallPart) -> list[str]:
    """What was wrong with what each session was told that took the call over."""
    found = []
    for strike in call.strikes:
        lost = strike.session
        after = [part for part in call.sessions if lost is not None and part.number > lost.number]
        if after:
            expected = cast.expected(call, strike.at_s, lost)
            wrong = expected.troubles(after[0].prompt, after[0].first_message)
            found += [f"session {after[0].number}: {each}" for each in wrong]
    return found
