"""What answering machines say, in seven languages.

Phrases are written without accents and punctuation, as ``plain`` makes a transcript.
"""

import re
import unicodedata
from dataclasses import dataclass
from typing import Final

_NOT_WORDS: Final = re.compile(r"[^a-z0-9]+")

_SURE: Final = (
    # English
    *("after the tone", "at the tone", "after the beep", "at the beep"),
    *("record your message", "reached the voicemail", "reached the voice mail", "forwarded to voicemail"),
    *("automatic voice message system", "automated voice messaging system", "you have reached the mailbox"),
    # German
    *("nach dem signalton", "nach dem ton", "nach dem piepton", "nach dem pfeifton", "nach dem piep"),
    *("hinterlassen sie eine nachricht", "hinterlassen sie mir eine nachricht", "mailbox von"),
    # French
    *("apres le bip", "apres le signal sonore", "apres la tonalite", "messagerie vocale de"),
    *("sur le repondeur de", "sur la messagerie de"),
    # Spanish
    *("despues de la senal", "despues del tono", "al oir la senal", "tras la senal", "despues del pitido"),
    *("buzon de voz de", "contestador automatico de"),
    # Italian
    *("dopo il segnale", "dopo il bip", "dopo il tono", "segreteria telefonica di", "casella vocale di"),
    # Portuguese
    *("apos o sinal", "apos o bip", "depois do sinal", "apos o tom", "caixa postal de", "caixa de mensagens"),
    # Dutch
    *("na de toon", "na de piep", "na de pieptoon", "na het signaal", "voicemail van"),
)
_LIKELY: Final = (
    # English
    *("leave a message", "leave me a message", "leave your message", "leave your name", "voicemail"),
    *("voice mail", "is not available", "i m not available", "can t come to the phone"),
    *("can t take your call", "unable to take your call", "get back to you", "answering machine"),
    # German
    *("nicht erreichbar", "nicht verfugbar", "mailbox", "anrufbeantworter", "nachricht hinterlassen"),
    *("nicht zu erreichen", "rufen sie spater"),
    # French
    *("laissez un message", "laisser un message", "laissez moi un message", "messagerie vocale", "repondeur"),
    *("pas disponible", "n est pas joignable"),
    # Spanish
    *("deje un mensaje", "deje su mensaje", "buzon de voz", "contestador", "no esta disponible"),
    *("no se encuentra disponible", "deja un mensaje", "deja tu mensaje"),
    # Italian
    *("lasciare un messaggio", "lasciate un messaggio", "lascia un messaggio", "segreteria telefonica"),
    *("non e disponibile", "non e raggiungibile", "non e al momento raggiungibile"),
    # Portuguese
    *("deixe uma mensagem", "deixe sua mensagem", "deixe a sua mensagem", "deixe o seu recado"),
    *("deixe seu recado", "caixa postal", "correio de voz", "nao esta disponivel"),
    # Dutch
    *("spreek een bericht in", "laat een bericht achter", "spreek uw boodschap in", "niet bereikbaar"),
    *("niet beschikbaar", "antwoordapparaat"),
)
_FULL: Final = (
    *("mailbox is full", "cannot accept any messages", "can not accept any messages", "mailbox ist voll"),
    *("messagerie est pleine", "buzon esta lleno", "casella e piena", "caixa postal esta cheia"),
    *("voicemail is vol", "mailbox is vol"),
)
_SCREENED: Final = (
    *("name and reason for calling", "record your name and", "screening service", "state your name and why"),
    *("name und den grund ihres anrufs", "nom et la raison de votre appel", "nombre y el motivo"),
    *("nome e il motivo", "nome e o motivo", "naam en de reden"),
)


@dataclass(frozen=True, slots=True)
class Said:
    """What a transcript tells of who, or what, is speaking."""

    sure: bool = False  # no person says that
    likely: frozenset[str] = frozenset()  # a receptionist might say one of these, hardly two
    full: bool = False  # no message can be left
    screened: bool = False  # a telephone asks on behalf of its owner who is calling: somebody may listen


def said(transcript: str) -> Said:
    """Look for phrases in what was said."""
    words = f" {plain(transcript)} "
    return Said(
        sure=_any(words, _SURE),
        likely=_outermost([phrase for phrase in _LIKELY if f" {phrase} " in words]),
        full=_any(words, _FULL),
        screened=_any(words, _SCREENED),
    )


def plain(text: str) -> str:
    """A text as its words: small letters without accents, one space between."""
    letters = unicodedata.normalize("NFKD", text.casefold())
    unaccented = "".join(letter for letter in letters if not unicodedata.combining(letter))
    return _NOT_WORDS.sub(" ", unaccented).strip()


def _any(words: str, phrases: tuple[str, ...]) -> bool:
    return any(f" {phrase} " in words for phrase in phrases)


def _outermost(phrases: list[str]) -> frozenset[str]:
    """Without those that are part of another: one thing said counts once."""
    return frozenset(
        each
        for each in phrases
        if not any(each != other and f" {each} " in f" {other} " for other in phrases)
    )
