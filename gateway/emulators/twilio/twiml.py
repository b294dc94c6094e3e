"""TwiML read as Twilio reads it: case-sensitive verbs, a size limit, and no document type.

https://www.twilio.com/docs/voice/twiml
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from xml.etree import ElementTree as ET

from gateway.errors import WireError

MAX_BYTES = 64 * 1024
MAX_ELEMENTS = 1000
MAX_DEPTH = 16
PARSE_ERROR = 12100
TOO_LARGE = 11750

_DOCTYPE = re.compile(r"<!\s*(DOCTYPE|ENTITY)", re.IGNORECASE)


class TwimlInvalid(WireError):
    """The document is not TwiML.

    Attributes:
        code: Twilio's error: 12100 for a document that cannot be parsed, 11750 for one too large.

    """

    remedy = "Correct the TwiML the server answers with."

    def __init__(self, message: str, code: int = PARSE_ERROR) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class Verb:
    """An element of a TwiML document."""

    name: str
    attributes: Mapping[str, str] = field(default_factory=dict)
    text: str = ""
    children: tuple["Verb", ...] = ()

    def get(self, name: str, default: str = "") -> str:
        """An attribute, or the default."""
        return self.attributes.get(name, default)

    def number(self, name: str, default: float) -> float:
        """An attribute that is a number not below 0, or the default."""
        try:
            value = float(self.attributes[name])
        except (KeyError, ValueError):
            return default
        return value if 0 <= value <= 1e6 else default

    def named(self, name: str) -> Iterator["Verb"]:
        """The children of that name."""
        return (child for child in self.children if child.name == name)


def parse(document: str | bytes) -> tuple[Verb, ...]:
    """The verbs of a document.

    Raises:
        TwimlInvalid: The document is too large, is no XML, has a document type, or is not a ``<Response>``.

    """
    raw = document.encode() if isinstance(document, str) else document
    if len(raw) > MAX_BYTES:
        raise TwimlInvalid("the document is larger than 64 kB", TOO_LARGE)
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        raise TwimlInvalid("the document is not UTF-8") from exc
    if _DOCTYPE.search(text):
        raise TwimlInvalid("a document type is not allowed")
    root = _root(text)
    if root.tag != "Response":
        raise TwimlInvalid(f"the document is a <{root.tag[:40]}>, not a <Response>")
    return tuple(_verb(child, 1) for child in root)


def _root(text: str) -> ET.Element:
    try:
        # Without a document type there are no entities to expand, and the size is bounded.
        root = ET.fromstring(text.strip())  # noqa: S314
    except (ET.ParseError, LookupError, ValueError) as exc:
        raise TwimlInvalid(f"the document cannot be parsed: {exc}") from exc
    if sum(1 for _ in root.iter()) > MAX_ELEMENTS:
        raise TwimlInvalid("the document has too many elements")
    return root


def _verb(element: ET.Element, depth: int) -> Verb:
    if depth > MAX_DEPTH:
        raise TwimlInvalid("the document is nested too deeply")
    text = "".join([element.text or "", *((child.tail or "") for child in element)])
    children = tuple(_verb(child, depth + 1) for child in element)
    return Verb(element.tag, dict(element.attrib), " ".join(text.split()), children)
