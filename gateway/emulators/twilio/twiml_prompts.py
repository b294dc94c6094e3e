"""Verbs that speak and listen without a stream: Say, Play, Pause, Gather, Record.

https://www.twilio.com/docs/voice/twiml/gather
"""

import io
from urllib.parse import urlsplit

from gateway.emulators.twilio.line_audio import RATE, AudioUnusable, read_wav
from gateway.emulators.twilio.outbox import Post
from gateway.emulators.twilio.records import new_sid
from gateway.emulators.twilio.services import LOOPBACK
from gateway.emulators.twilio.twiml import Verb
from gateway.emulators.twilio.twiml_stage import Stage, Step

WORDS_PER_S = 2.5
PLAY_S = 1.0
DIGIT_S = 0.25
WAIT_DIGIT_S = 0.5
FOREVER_S = 1e6
BAD_MEDIA = 12300
PROMPTS = frozenset({"Say", "Play", "Pause"})


def prompt(stage: Stage, verb: Verb) -> float:
    """Write a Say, Play or Pause down; return how long it takes, in seconds."""
    stage.call.log(verb.name, verb.attributes, verb.text)
    if verb.name == "Pause":
        return verb.number("length", 1.0)
    # loop="0" repeats until the call ends.
    loops = verb.number("loop", 1.0) or FOREVER_S
    if verb.name == "Say":
        return loops * len(verb.text.split()) / WORDS_PER_S
    digits = verb.get("digits")
    if digits:
        return loops * sum(WAIT_DIGIT_S if digit in "wW" else DIGIT_S for digit in digits)
    return loops * PLAY_S


async def perform(stage: Stage, verb: Verb) -> None:
    """Carry a Say, Play or Pause out: let the time pass that it takes."""
    seconds = prompt(stage, verb)
    if verb.name == "Play" and not verb.get("digits"):
        seconds *= await _length_s(stage, verb) / PLAY_S
    await stage.call.rest(seconds)


async def _length_s(stage: Stage, verb: Verb) -> float:
    """How long a file plays. What is not on this machine is not fetched, and plays for a second.

    https://www.twilio.com/docs/voice/twiml/play: a file that cannot be had is skipped.
    """
    url = stage.absolute(verb.text)
    if urlsplit(stage.services.conduct.reach(url)).hostname not in LOOPBACK:
        return PLAY_S
    answer = await stage.call.race(stage.outbox.send(Post("media", url, "GET", {})))
    if answer.error is not None:
        return 0.0
    try:
        return len(read_wav(io.BytesIO(answer.body))) / RATE
    except AudioUnusable as exc:
        stage.call.complain(BAD_MEDIA, f"<Play> {url}: {exc}")
        return 0.0


async def gather(stage: Stage, verb: Verb) -> Step:
    """Prompt, collect keys, and post them to ``action``; without any the next verb runs."""
    stage.call.log("Gather", verb.attributes)
    digits, finish = "", verb.get("finishOnKey", "#")
    most = int(verb.number("numDigits", 1e6)) or 1
    pressed = await _prompts(stage, verb)
    timeout_s = verb.number("timeout", 5.0)
    finished = False
    while not finished:
        key = pressed if pressed is not None else await stage.call.key(timeout_s)
        pressed = None
        finished = key is None or key in finish
        if key is not None and not finished:
            digits += key
            finished = len(digits) >= most
    if not digits and verb.get("actionOnEmptyResult").lower() != "true":
        return None
    action = verb.get("action") or stage.source.url
    return stage.action(action, verb.get("method", "POST"), {"Digits": digits})


async def _prompts(stage: Stage, verb: Verb) -> str | None:
    """Run the prompts inside a Gather; a key ends them and is the first one gathered."""
    for child in verb.children:
        if child.name in PROMPTS:
            key = await stage.call.key(prompt(stage, child))
            if key is not None:
                return key
    return None


async def record(stage: Stage, verb: Verb) -> Step:
    """Record the caller, who says nothing: it ends after ``timeout`` seconds, or by a key.

    https://www.twilio.com/docs/voice/twiml/record: without ``action`` the current document is asked again.
    """
    stage.call.log("Record", verb.attributes)
    start = stage.call.now
    timeout_s = min(verb.number("timeout", 5.0), verb.number("maxLength", 3600.0))
    key = await stage.call.key(timeout_s)
    sid = new_sid("RE")
    account = stage.services.account.sid
    params = {
        "RecordingSid": sid,
        "RecordingUrl": f"https://api.twilio.com/2010-04-01/Accounts/{account}/Recordings/{sid}",
        "RecordingDuration": str(max(1, round(stage.call.now - start))),
        "Digits": key or "",
    }
    return stage.action(verb.get("action") or stage.source.url, verb.get("method", "POST"), params)
