"""The TwiML documents the gateway answers with.

Built by Twilio's own library, which escapes. All of them leave through ``written``, which removes what XML
can't carry even escaped, from every text and attribute. https://www.twilio.com/docs/voice/twiml
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from twilio.twiml import TwiML
from twilio.twiml.voice_response import Connect, Dial, Gather, VoiceResponse

from gateway.errors import BridgeError
from gateway.ids import E164

_FORBIDDEN: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_LINE_END: Final = re.compile("\r\n?")
_LONGEST_SAY: Final = 500
"""Characters. Escaped, each may become five, and a document given by REST may hold 4000."""
DIAL_TIMEOUT_S: Final = 30
"""How long a person's telephone rings before the attempt counts as unanswered."""


LARGEST_BY_REST: Final = 4000
"""Characters of a document that is sent in a request: https://www.twilio.com/docs/api/errors/32018"""
_LONGEST_PARAMETER: Final = 499
"""Characters of the name and the value together: https://www.twilio.com/docs/voice/twiml/stream"""
_WHISPER_S: Final = 10
"""How long a person has to press the key."""


@dataclass(frozen=True, slots=True)
class Ticket:
    """What a stream brings back in its ``start``: the ticket it is let in with, and other parameters."""

    ticket: str = field(repr=False)
    parameters: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Before:
    """What whoever is on the line hears before a stream opens: a sentence, and keys."""

    notice: str = ""
    digits: str = field(default="", repr=False)


NOTHING: Final = Before()


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody to be called in addition.

    Attributes:
        number: Whom to call.
        action_url: Asked what to do next, and told what became of it; absolute.
        whisper_url: Asked for what the person hears before being connected (see ``whisper``); empty for
            nothing. The caller hears it ring meanwhile.
        answered_url: Told when they pick up; empty for nobody.
        ring_s: How long it rings.
        time_limit_s: How long the two may talk; ``None`` for as long as Twilio allows.
        caller_id: The number the person is shown; ``None`` for the caller's.

    """

    number: E164
    action_url: str
    whisper_url: str = ""
    answered_url: str = ""
    ring_s: int = DIAL_TIMEOUT_S
    time_limit_s: int | None = None
    caller_id: E164 | None = None


def connect(
    stream_url: str,
    ticket: str | Ticket,
    status_url: str,
    otherwise: VoiceResponse,
    before: Before = NOTHING,
) -> str:
    """Do what comes before, open a media stream; if it ends and the call is still up, do ``otherwise``.

    What follows ``<Connect>`` is what Twilio does by itself when this process is gone, so it must not
    need it: https://www.twilio.com/docs/voice/twiml/stream

    Raises:
        BridgeError: a parameter is longer than Twilio takes.
    """
    brought = ticket if isinstance(ticket, Ticket) else Ticket(ticket)
    response = VoiceResponse()
    if before.notice:
        response.say(clean(before.notice))
    if before.digits:
        response.play(digits=before.digits)
    verb = Connect()
    stream = verb.stream(url=stream_url, status_callback=status_url)
    for name, value in {"ticket": brought.ticket, **brought.parameters}.items():
        if len(name) + len(value) > _LONGEST_PARAMETER:
            raise BridgeError(f"the parameter {name[:40]!r} of a stream is too long")
        stream.parameter(name=name, value=value)
    response.append(verb)
    for following in otherwise.verbs:
        response.append(following)
    return written(response)


def outbound(
    stream_url: str, ticket: str | Ticket, status_url: str, *, notice: str = "", after_url: str = ""
) -> str:
    """Say ``notice``, open a media stream to somebody the gateway called; when it ends, so does the call.

    With ``after_url`` that address is asked what comes then. There is no pause before it nor behind it: the
    one would be dead air, the other an open line with nobody.

    Raises:
        BridgeError: a parameter is longer than Twilio takes.
    """
    ending = elsewhere(after_url) if after_url else VoiceResponse()
    if not after_url:
        ending.hangup()
    return connect(stream_url, ticket, status_url, ending, Before(notice))


def elsewhere(url: str, *, pause_s: int = 0) -> VoiceResponse:
    """Ask an address how to go on, after a pause."""
    response = VoiceResponse()
    if pause_s:
        response.pause(length=pause_s)
    response.redirect(url, method="POST")
    return response


def hold(music_url: str, times: int, back_url: str) -> str:
    """Play music so often, then ask how to go on."""
    response = VoiceResponse()
    response.play(music_url, loop=times)
    response.redirect(back_url, method="POST")
    return written(response)


def fallback(sentence: str | None, apology: str, number: E164 | None) -> VoiceResponse:
    """Say what happens and connect to a person; without a number, apologise and hang up.

    Without a sentence the caller knows already.
    """
    response = VoiceResponse()
    first = sentence if number else apology
    if first is not None:
        response.say(clean(first))
    if number:
        response.dial(number, timeout=DIAL_TIMEOUT_S, answer_on_bridge=True)
        response.say(clean(apology))
    response.hangup()
    return response


def dial(person: Person) -> str:
    """Call a person, and connect the caller once they have answered and heard the whisper, if there is one.

    https://www.twilio.com/docs/voice/twiml/dial
    """
    response = VoiceResponse()
    verb = Dial(
        action=person.action_url,
        method="POST",
        timeout=person.ring_s,
        time_limit=person.time_limit_s,
        caller_id=person.caller_id,
        answer_on_bridge=True,
    )
    wanted: dict[str, str] = {}
    if person.whisper_url:
        wanted |= {"url": person.whisper_url, "method": "POST"}
    if person.answered_url:
        wanted |= {"status_callback": person.answered_url, "status_callback_event": "answered"}
    verb.number(person.number, **wanted)
    response.append(verb)
    return written(response)


def whisper(sentence: str, accept_url: str, *, key_s: int = _WHISPER_S) -> str:
    """Tell the person who is calling, and wait for a key, which is posted to ``accept_url``.

    Answer that with ``empty`` to connect them, or with ``hang_up`` to decline. Without a key the person's
    leg ends: an answering machine presses none. https://www.twilio.com/docs/voice/twiml/number#url
    """
    response = VoiceResponse()
    gather = Gather(
        action=accept_url, method="POST", num_digits=1, timeout=key_s, action_on_empty_result=False
    )
    gather.say(clean(sentence))
    response.append(gather)
    response.hangup()
    return written(response)


def say_and_hang_up(sentence: str) -> str:
    """Say a sentence and end the call."""
    response = VoiceResponse()
    response.say(clean(sentence))
    response.hangup()
    return written(response)


def hang_up() -> str:
    """End the call."""
    response = VoiceResponse()
    response.hangup()
    return written(response)


def empty() -> str:
    """Do nothing: the answer to a callback that only tells."""
    return written(VoiceResponse())


def written(response: VoiceResponse) -> str:
    """The document as text: the one place TwiML becomes XML."""
    _scrub(response)
    return str(response)


def _scrub(verb: Any) -> None:
    verb.attrs = {name: _carried(value) for name, value in verb.attrs.items()}
    verb.value = _carried(verb.value)
    verb.verbs = [_carried(child) for child in verb.verbs]
    for child in verb.verbs:
        if isinstance(child, TwiML):
            _scrub(child)


def _carried(value: Any) -> Any:
    return _FORBIDDEN.sub("", _LINE_END.sub("\n", value)) if isinstance(value, str) else value


def clean(text: str) -> str:
    """Remove what XML can't carry, write line ends as XML reads them, and cap the length."""
    return str(_carried(text))[:_LONGEST_SAY]
