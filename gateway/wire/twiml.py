"""The TwiML documents the gateway answers with.

Built by Twilio's own library, which escapes; control characters, which XML forbids even escaped, are
removed first. https://www.twilio.com/docs/voice/twiml
"""

import re
from typing import Final

from twilio.twiml.voice_response import Connect, Dial, VoiceResponse

from gateway.ids import E164

_FORBIDDEN: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_LINE_END: Final = re.compile("\r\n?")
_LONGEST_SAY: Final = 500
"""Characters. Escaped, each may become five, and a document given by REST may hold 4000."""
DIAL_TIMEOUT_S: Final = 30
"""How long a person's telephone rings before the attempt counts as unanswered."""


def connect(stream_url: str, ticket: str, status_url: str, otherwise: VoiceResponse) -> str:
    """Open a media stream; if it ends and the call is still up, do ``otherwise``.

    What follows ``<Connect>`` is what Twilio does by itself when this process is gone, so it must not
    need it: https://www.twilio.com/docs/voice/twiml/stream
    """
    response = VoiceResponse()
    verb = Connect()
    stream = verb.stream(url=stream_url, status_callback=status_url)
    stream.parameter(name="ticket", value=ticket)
    response.append(verb)
    for following in otherwise.verbs:
        response.append(following)
    return str(response)


def fallback(sentence: str, apology: str, number: E164 | None) -> VoiceResponse:
    """Say what happens and connect to a person; without a number, apologise and hang up."""
    response = VoiceResponse()
    response.say(clean(sentence if number else apology))
    if number:
        response.dial(number, timeout=DIAL_TIMEOUT_S, answer_on_bridge=True)
        response.say(clean(apology))
    response.hangup()
    return response


def transfer(number: E164, action_url: str) -> str:
    """Connect the caller to a person and report what became of it to ``action_url``."""
    response = VoiceResponse()
    dial = Dial(action=action_url, method="POST", timeout=DIAL_TIMEOUT_S, answer_on_bridge=True)
    dial.number(number)
    response.append(dial)
    return str(response)


def say_and_hang_up(sentence: str) -> str:
    """Say a sentence and end the call."""
    response = VoiceResponse()
    response.say(clean(sentence))
    response.hangup()
    return str(response)


def hang_up() -> str:
    """End the call."""
    response = VoiceResponse()
    response.hangup()
    return str(response)


def empty() -> str:
    """Do nothing: the answer to a callback that only tells."""
    return str(VoiceResponse())


def clean(text: str) -> str:
    """Remove what XML can't carry, write line ends as XML reads them, and cap the length."""
    return _FORBIDDEN.sub("", _LINE_END.sub("\n", text))[:_LONGEST_SAY]
