"""The waiting room's documents, read back by the emulator, and what Twilio says of who waits."""

import pytest

from gateway.emulators.twilio.twiml import Verb, parse
from gateway.errors import WireError
from gateway.ids import E164, CallSid
from gateway.wire import queueing, twiml
from gateway.wire.queueing import Waiter

SID = CallSid("CA" + "0" * 32)
FORM = {"CallSid": SID, "AccountSid": "AC" + "0" * 32, "CallStatus": "in-progress"}


def test_a_caller_is_put_into_the_queue_with_a_voice_behind_it() -> None:
    otherwise = twiml.fallback("One moment.", "Sorry.", E164("+15550100"))
    first, *rest = parse(queueing.enqueue("https://g/wait", "https://g/queued", otherwise))
    attributes = {
        "action": "https://g/queued",
        "method": "POST",
        "waitUrl": "https://g/wait",
        "waitUrlMethod": "POST",
    }
    assert first == Verb("Enqueue", attributes, "vatel-gateway")
    assert [verb.name for verb in rest] == ["Say", "Dial", "Say", "Hangup"]


@pytest.mark.parametrize(
    ("sentence", "verb"),
    [
        ("", Verb("Play", {}, "https://g/music")),
        ("You are number 2.\x00", Verb("Say", {}, "You are number 2.")),
    ],
)
def test_a_caller_who_waits_hears_what_is_news_and_else_music(sentence: str, verb: Verb) -> None:
    assert parse(queueing.wait(sentence, "https://g/music")) == (verb,)


def test_a_caller_is_called_in() -> None:
    assert parse(queueing.leave()) == (Verb("Leave"),)


@pytest.mark.parametrize(
    ("more", "waiter"),
    [
        ({}, Waiter(SID, 0.0)),
        ({"QueueTime": "12"}, Waiter(SID, 12.0)),
        ({"QueueTime": "-3"}, Waiter(SID, 0.0)),
        ({"QueueTime": "99999"}, Waiter(SID, 86_400.0)),
        ({"QueueTime": "100000"}, Waiter(SID, 0.0)),
        ({"QueueResult": "leave", "QueueTime": "4"}, Waiter(SID, 4.0, False, "leave")),
        ({"QueueResult": "queue-full"}, Waiter(SID, 0.0, False, "queue-full")),
        ({"QueueResult": "hangup"}, Waiter(SID, 0.0, True, "hangup")),
        ({"QueueResult": "redirected"}, Waiter(SID, 0.0, True, "redirected")),
        ({"CallStatus": "completed"}, Waiter(SID, 0.0, True)),
    ],
)
def test_what_twilio_says_of_a_caller_who_waits(more: dict[str, str], waiter: Waiter) -> None:
    assert queueing.waiter(FORM | more) == waiter


def test_a_request_that_names_no_call_is_refused() -> None:
    with pytest.raises(WireError):
        queueing.waiter({})
