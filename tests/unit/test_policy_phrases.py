"""Machines are told from people by what they say, in seven languages."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.policy.phrases import plain, said

MACHINES = [
    "Hi, this is Bob. Please leave a message after the tone.",
    "You\u2019ve reached the voicemail of Anna.",
    "Your call has been forwarded to voicemail. The person you are trying to reach is not available.",
    "I can't come to the phone right now, please leave your name and number.",
    "Bitte hinterlassen Sie eine Nachricht nach dem Signalton.",
    "Der Teilnehmer ist zurzeit nicht verfügbar. Hier ist die Mailbox.",
    "Laissez un message après le bip sonore.",
    "Vous êtes bien sur le répondeur de Marie.",
    "Deje su mensaje después de la señal.",
    "El abonado no está disponible, deje un mensaje.",
    "Lasciate un messaggio dopo il segnale acustico.",
    "L'utente non è raggiungibile. Segreteria telefonica.",
    "Deixe sua mensagem após o sinal.",
    "Caixa postal. A pessoa não está disponível.",
    "Spreek een bericht in na de toon.",
    "Dit is de voicemail van Jan.",
]
PEOPLE = [
    "Hello?",
    "Anna Meyer speaking.",
    "He is not available, can I take a message?",
    "Would you like to leave a message?",
    "Meyer, guten Tag.",
    "Möchten Sie eine Nachricht hinterlassen?",
    "Allô, qui est à l'appareil ?",
    "¿Dígame?",
    "Pronto, chi parla?",
    "Alô, quem fala?",
    "Met Jan de Vries.",
    "",
]


def machine(text: str) -> bool:
    found = said(text)
    return found.sure or len(found.likely) > 1


@pytest.mark.parametrize("text", MACHINES)
def test_a_machines_greeting_is_known(text: str) -> None:
    assert machine(text)


@pytest.mark.parametrize("text", PEOPLE)
def test_a_person_is_not_taken_for_a_machine(text: str) -> None:
    assert not machine(text)


def test_one_thing_said_counts_once() -> None:
    assert said("leave a message and a voicemail").likely == {"leave a message", "voicemail"}
    assert len(said("Segreteria telefonica. Contestador. La segreteria telefonica.").likely) == 2
    assert len(said("no se encuentra disponible, is not available right now").likely) == 2


def test_a_full_mailbox_and_a_screened_call_are_known() -> None:
    assert said("The mailbox is full and cannot accept any messages at this time.").full
    assert said("If you record your name and reason for calling, I'll see if they are available.").screened
    assert not said("Hello, is anybody there?").screened


def test_parts_of_words_are_no_phrases() -> None:
    assert not said("thereafter the tonearm").sure


@given(st.text(max_size=200))
def test_any_text_becomes_plain_words(text: str) -> None:
    words = plain(text)
    assert words == plain(words)
    assert set(words) <= set("abcdefghijklmnopqrstuvwxyz0123456789 ")
    said(text)
