"""The documents the gateway answers with: well formed whatever is put into them."""

from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twilio.twiml.voice_response import VoiceResponse

from gateway.errors import BridgeError
from gateway.ids import E164
from gateway.wire import twiml

STREAM = "wss://gateway.example.com/twilio/media"
STATUS = "https://gateway.example.com/twilio/stream-status"
ACTION = "https://gateway.example.com/twilio/transfer"
NUMBER = E164("+14155550100")
ODD = (
    st.characters()
    | st.characters(categories=["Cs", "Cc", "Cn"])
    | st.sampled_from("<>&\"'\r\n\t]\x00\ufffe")
)
HOSTILE = st.text(ODD, max_size=600)
LARGEST_BY_REST = 4000
DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>'


def verbs(document: str) -> list[str]:
    return [verb.tag for verb in ET.fromstring(document)]


def said(document: str) -> list[str]:
    return [verb.text or "" for verb in ET.fromstring(document).iter("Say")]


def test_a_call_is_answered_with_a_stream_and_what_follows_it() -> None:
    document = twiml.connect(STREAM, "ticket-1", STATUS, twiml.fallback("One moment.", "Sorry.", NUMBER))
    assert document == (
        f'{DECLARATION}<Response><Connect><Stream statusCallback="{STATUS}" url="{STREAM}">'
        '<Parameter name="ticket" value="ticket-1" /></Stream></Connect>'
        '<Say>One moment.</Say><Dial answerOnBridge="true" timeout="30">+14155550100</Dial>'
        "<Say>Sorry.</Say><Hangup /></Response>"
    )


def test_without_a_number_to_fall_back_to_there_is_an_apology() -> None:
    document = str(twiml.fallback("One moment.", "Sorry.", None))
    assert document == f"{DECLARATION}<Response><Say>Sorry.</Say><Hangup /></Response>"


def test_a_transfer_reports_to_an_absolute_address() -> None:
    assert twiml.dial(twiml.Person(NUMBER, ACTION)) == (
        f'{DECLARATION}<Response><Dial action="{ACTION}" answerOnBridge="true" method="POST" timeout="30">'
        "<Number>+14155550100</Number></Dial></Response>"
    )


def test_the_short_documents_are_these() -> None:
    assert twiml.hang_up() == f"{DECLARATION}<Response><Hangup /></Response>"
    assert twiml.empty() == f"{DECLARATION}<Response />"
    assert twiml.say_and_hang_up("Bye.") == f"{DECLARATION}<Response><Say>Bye.</Say><Hangup /></Response>"


@given(HOSTILE)
def test_any_sentence_is_said_as_it_was_cleaned(sentence: str) -> None:
    document = twiml.say_and_hang_up(sentence)
    assert said(document) == [twiml.clean(sentence)]
    assert verbs(document) == ["Say", "Hangup"]
    document.encode()


@given(HOSTILE, HOSTILE, st.text(max_size=40), st.none() | st.just(NUMBER))
def test_any_sentences_make_a_document_of_the_same_verbs(
    sentence: str, apology: str, ticket: str, number: E164 | None
) -> None:
    document = twiml.connect(STREAM, twiml.clean(ticket), STATUS, twiml.fallback(sentence, apology, number))
    dialled = ["Connect", "Say", "Dial", "Say", "Hangup"]
    assert verbs(document) == (dialled if number else ["Connect", "Say", "Hangup"])
    assert said(document)[-1] == twiml.clean(apology)


@given(HOSTILE)
def test_cleaning_keeps_what_xml_can_carry(text: str) -> None:
    cleaned = twiml.clean(text)
    assert twiml.clean(cleaned) == cleaned
    assert len(cleaned) <= 500
    printable = "".join(character for character in text if character.isprintable())
    assert cleaned.startswith(printable[:500]) or len(text) != len(printable)


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("a\x00b\x1fc\x7f", "abc\x7f"),
        ("a\r\nb\rc\nd\te", "a\nb\nc\nd\te"),
        ("a\ud800b\udfff\ufffe\uffff", "ab"),
        ("Grüß 你好 📞", "Grüß 你好 📞"),
        ("x" * 501, "x" * 500),
    ],
)
def test_cleaning_removes_what_xml_can_not_carry(text: str, cleaned: str) -> None:
    assert twiml.clean(text) == cleaned


@pytest.mark.parametrize("worst", ["&", "<", '"'])
def test_documents_given_by_rest_are_small_enough(worst: str) -> None:
    longest_address = ("https://a.example/" + worst * 500)[:500] + "/twilio/transfer"
    assert len(twiml.dial(twiml.Person(E164("+" + "9" * 15), longest_address))) <= LARGEST_BY_REST
    assert len(twiml.say_and_hang_up(worst * 10_000)) <= LARGEST_BY_REST


def test_a_called_person_gets_a_stream_and_then_nothing() -> None:
    brought = twiml.Ticket("ticket-1", {"attempt": "7"})
    assert twiml.outbound(STREAM, brought, STATUS) == (
        f'{DECLARATION}<Response><Connect><Stream statusCallback="{STATUS}" url="{STREAM}">'
        '<Parameter name="ticket" value="ticket-1" /><Parameter name="attempt" value="7" /></Stream>'
        "</Connect><Hangup /></Response>"
    )


def test_a_ticket_is_not_printed() -> None:
    assert "ticket-1" not in repr(twiml.Ticket("ticket-1"))


def test_a_parameter_has_a_longest() -> None:
    assert "<Parameter" in twiml.outbound(STREAM, twiml.Ticket("t", {"n": "x" * 498}), STATUS)
    with pytest.raises(BridgeError, match="parameter 'n'"):
        twiml.outbound(STREAM, twiml.Ticket("t", {"n": "x" * 499}), STATUS)


def test_a_person_is_dialled_with_all_that_was_asked() -> None:
    whisper = "https://gateway.example.com/twilio/whisper?c=1&n=2"
    shown = E164("+14155550101")
    person = twiml.Person(NUMBER, ACTION, whisper, ring_s=20, time_limit_s=600, caller_id=shown)
    assert twiml.dial(person) == (
        f'{DECLARATION}<Response><Dial action="{ACTION}" answerOnBridge="true" callerId="+14155550101" '
        'method="POST" timeLimit="600" timeout="20"><Number method="POST" '
        'url="https://gateway.example.com/twilio/whisper?c=1&amp;n=2">+14155550100</Number></Dial></Response>'
    )


def test_a_whisper_waits_for_a_key_and_ends_without_one() -> None:
    assert twiml.whisper("Anna calls.", ACTION) == (
        f'{DECLARATION}<Response><Gather action="{ACTION}" actionOnEmptyResult="false" method="POST" '
        'numDigits="1" timeout="10"><Say>Anna calls.</Say></Gather><Hangup /></Response>'
    )


@given(HOSTILE, HOSTILE.filter(lambda text: len(text) < 490))
def test_nothing_put_into_any_place_breaks_a_document(text: str, short: str) -> None:
    person = twiml.Person(E164(text), text, text or "x", caller_id=E164(text))
    documents = [
        twiml.outbound(text, twiml.Ticket(short, {"p": short}), text),
        twiml.dial(person),
        twiml.dial(twiml.Person(E164(text), text, answered_url=text or "x")),
        twiml.connect(text, short, text, VoiceResponse(), twiml.Before(text or "x", text or "x")),
        twiml.whisper(text, text),
        twiml.say_and_hang_up(text),
    ]
    # A reader takes each apart again into the very same verbs: whatever it was given, none was added.
    assert [[verb.tag for verb in ET.fromstring(document.encode()).iter()] for document in documents] == [
        ["Response", "Connect", "Stream", "Parameter", "Parameter", "Hangup"],
        ["Response", "Dial", "Number"],
        ["Response", "Dial", "Number"],
        ["Response", "Say", "Play", "Connect", "Stream", "Parameter"],
        ["Response", "Gather", "Say", "Hangup"],
        ["Response", "Say", "Hangup"],
    ]


def test_control_characters_are_removed_from_every_place() -> None:
    odd = "a\x00\x1b\ufffe\ud800b"
    document = twiml.dial(twiml.Person(E164(odd), odd, odd, caller_id=E164(odd)))
    dialling, number = list(ET.fromstring(document).iter())[1:]
    assert (dialling.get("action"), dialling.get("callerId"), number.get("url"), number.text) == ("ab",) * 4


def test_a_notice_is_heard_before_the_stream_opens() -> None:
    document = twiml.outbound(STREAM, "t", STATUS, notice="This call\x00 is recorded.")
    assert verbs(document) == ["Say", "Connect", "Hangup"]
    assert ET.fromstring(document)[0].text == "This call is recorded."


def test_text_between_verbs_is_cleaned_as_well() -> None:
    response = VoiceResponse()
    response.append("a\x00b")
    assert ET.fromstring(twiml.written(response)).text == "ab"


def test_what_comes_behind_a_stream_may_be_asked_for() -> None:
    document = twiml.outbound("wss://x/media", "t", "https://x/status", after_url="https://x/after?c=1#rc=2")
    assert document.endswith(
        '</Connect><Redirect method="POST">https://x/after?c=1#rc=2</Redirect></Response>'
    )
    paused = twiml.written(twiml.elsewhere("https://x/voice", pause_s=1))
    assert paused.endswith(
        '<Pause length="1" /><Redirect method="POST">https://x/voice</Redirect></Response>'
    )
