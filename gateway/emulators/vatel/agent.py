"""The scripted agent: carries a script out in a session, step by step, and never waits for ever."""

import asyncio
import dataclasses
import json
import re
from typing import Any, Final, assert_never

from gateway.emulators import voice
from gateway.emulators.vatel.messages import split
from gateway.emulators.vatel.script import End, Goto, Listen, Pause, Say, Script, Step, Tool
from gateway.emulators.vatel.session import Session

LONGEST_UTTERANCE_S: Final = 30.0
STEPS_DONE_LIMIT: Final = 10_000
PORTIONS_AT_ONCE: Final = 256
NEXT: Final = ""


class ScriptedAgent:
    """Plays one script in one session."""

    def __init__(self, script: Script, session: Session) -> None:
        self._script = script
        self._session = session
        self._turns = 0
        self._outputs: dict[str, str] = {}

    async def run(self) -> None:
        """Carry the steps out and end the session behind the last, unless it was ended before."""
        at = 0
        for _ in range(STEPS_DONE_LIMIT):
            if at >= len(self._script.steps) or self._session.ending:
                break
            goto = await self._do(self._script.steps[at])
            at = self._script.find(goto) if goto else at + 1
            # A loop of steps that do not wait must not keep the session from hearing that it is over.
            await asyncio.sleep(0)
        if not self._session.ending:
            self._session.end()

    async def _do(self, step: Step) -> str:
        """Carry out one step; return the label to go to."""
        match step:
            case Say():
                await self._say(step)
                return NEXT
            case Listen():
                return await self._listen(step)
            case Tool():
                return await self._tool(step)
            case Pause(seconds=seconds):
                await self._session.until(lambda: self._session.ending, seconds)
                return NEXT
            case Goto(to=label):
                return label
            case End():
                self._session.end()
                return NEXT
            case _:
                assert_never(step)

    async def _say(self, step: Say) -> None:
        session = self._session
        self._turns += 1
        turn_id = f"turn-{self._turns}"
        words, sound = self._words(step)
        session.utterances = 0
        session.interruptible = step.interruptible
        turn = session.record.turn(turn_id)
        await session.until(lambda: session.ending, session.behaviour.first_audio_delay_s)
        session.text(turn_id, _half(words))
        await self._send(turn_id, sound)
        if turn.cut or session.ending:
            return
        session.text(turn_id, words, final=True)
        if step.wait:
            await session.until(lambda: turn.cut or session.ending, session.remaining_s)

    async def _send(self, turn_id: str, sound: voice.Clip) -> None:
        """Send a turn's audio, as much faster than it plays as the behaviour says."""
        session, behaviour = self._session, self._session.behaviour
        chunk = 2 * voice.SAMPLE_RATE * behaviour.chunk_ms // 1000 // 2 * 2
        portions = split(sound.pcm, chunk - 1 if behaviour.odd_chunks else chunk)
        pause_s = behaviour.chunk_ms / 1000 / behaviour.audio_factor if behaviour.audio_factor else 0.0
        turn = session.record.turn(turn_id)
        for number, portion in enumerate(portions, 1):
            session.say(turn_id, portion, final=number == len(portions))
            if self._turns == behaviour.end_mid_word and number >= len(portions) // 2:
                session.end()
            if pause_s:
                await session.until(lambda: turn.cut or session.ending, pause_s)
            elif number % PORTIONS_AT_ONCE == 0:
                await asyncio.sleep(0)
            if turn.cut or session.ending:
                return

    def _words(self, step: Say) -> tuple[str, voice.Clip]:
        opening = self._session.record.token_request.first_message
        if opening and self._turns == 1:
            step = dataclasses.replace(step, text=opening, clip="")
        sound = voice.clip(step.clip) if step.clip else voice.speak(step.text)
        return self._filled(step.text or sound.text), sound

    async def _listen(self, step: Listen) -> str:
        session = self._session
        for attempt in range(step.attempts):
            if attempt and step.reprompt:
                await self._say(Say(text=step.reprompt))
            await session.until(lambda: self._spoken_to() or session.ending, step.timeout_s)
            if session.ending:
                return NEXT
            if self._spoken_to():
                await self._hear_out(step)
                return NEXT
        session.note("nothing_heard")
        return step.otherwise

    def _spoken_to(self) -> bool:
        return self._session.caller_speaking or self._session.utterances > 0

    async def _hear_out(self, step: Listen) -> None:
        session = self._session
        session.transcript(_half(step.hears), final=False)
        await session.until(lambda: session.utterances or session.ending, LONGEST_UTTERANCE_S)
        session.transcript(step.hears)
        session.utterances = 0

    async def _tool(self, step: Tool) -> str:
        session = self._session
        outputs = session.record.tool_outputs
        call = session.tool_call(step.name, {key: self._argument(it) for key, it in step.arguments.items()})
        await session.until(lambda: call in outputs or session.ending, step.timeout_s)
        if call not in outputs:
            session.note("tool_timeout", tool_call_id=call, name=step.name)
            return step.otherwise
        output = outputs[call]
        self._outputs |= {"output": output, step.name: output}
        return next((branch.goto for branch in step.branches if branch.contains in output), NEXT)

    def _argument(self, value: Any) -> Any:
        return self._filled(value) if isinstance(value, str) else value

    def _filled(self, text: str) -> str:
        """Fill in what tools answered; what none answered stays as it is written."""
        return re.sub(r"\{(\w+)(?:\.(\w+))?\}", self._filling, text)

    def _filling(self, found: re.Match[str]) -> str:
        output = self._outputs.get(found[1])
        if output is None or not found[2]:
            return found[0] if output is None else output
        try:
            return str(json.loads(output)[found[2]])
        except (ValueError, TypeError, LookupError, RecursionError):
            return found[0]


def _half(text: str) -> str:
    """The first half of the words, as an interim text."""
    words = text.split()
    return " ".join(words[: (len(words) + 1) // 2])
