"""Where a number's calls go: what this gateway sets at Twilio, and what it remembers of before."""

from dataclasses import asdict, dataclass, fields, replace
from enum import StrEnum
from typing import Final

from gateway.clients.twilio.values import Routing
from gateway.store.records import Json

_TO: Final = "connected_to"
_PARTS: Final = tuple(each.name for each in fields(Routing))
_URLS: Final = {
    "voice_url": "voice_method",
    "voice_fallback_url": "voice_fallback_method",
    "status_callback": "status_callback_method",
}


class Place(StrEnum):
    """Where a number's calls go."""

    HERE = "here"
    ELSEWHERE = "elsewhere"
    NOWHERE = "nowhere"


class Door:
    """This gateway as Twilio sees it.

    Args:
        public_url: The address at which Twilio reaches this gateway, without a slash at the end.
        fallback_url: Asked when this gateway can't be; the gateway itself by default.
    """

    def __init__(self, public_url: str, fallback_url: str = "") -> None:
        self._base = f"{public_url.rstrip('/')}/twilio/"
        self.routing: Final = Routing(
            voice_url=f"{self._base}voice",
            voice_fallback_url=fallback_url or f"{self._base}fallback",
            status_callback=f"{self._base}status",
        )

    def place(self, there: Routing) -> Place:
        """Where calls go that are routed so."""
        if not there.destination:
            return Place.NOWHERE
        return Place.HERE if there.destination == self.routing.voice_url else Place.ELSEWHERE

    def without(self, there: Routing) -> Routing:
        """A routing without the addresses that are ours: what is left was somebody else's."""
        ours = {name: "" for name in _URLS if self._ours(getattr(there, name))}
        return replace(there, **ours)

    def _ours(self, url: str) -> bool:
        return url.startswith(self._base) or (bool(url) and url == self.routing.voice_fallback_url)


@dataclass(frozen=True, slots=True)
class Memory:
    """What a number's configuration was before it was connected, and the address it was connected to.

    The address tells our own doing from others', even after ``PUBLIC_URL`` has changed.
    """

    before: Routing
    connected_to: str

    def document(self) -> Json:
        """As it is stored."""
        return {**asdict(self.before), _TO: self.connected_to}

    @classmethod
    def read(cls, document: Json | None) -> "Memory":
        """As it was stored; what is missing or of another type counts as empty."""
        known = {name: value for name, value in (document or {}).items() if isinstance(value, str)}
        before = Routing(**{name: known[name] for name in _PARTS if name in known})
        return cls(before, known.get(_TO, ""))


def same(one: Routing, other: Routing) -> bool:
    """Whether two configurations do the same; a method without an address says nothing."""
    return _bare(one) == _bare(other)


def _bare(routing: Routing) -> Routing:
    idle = {method: "POST" for url, method in _URLS.items() if not getattr(routing, url)}
    # Twilio keeps only one of the two: https://www.twilio.com/docs/phone-numbers/api/incomingphonenumber-resource
    application = "" if routing.trunk_sid else routing.voice_application_sid
    return replace(routing, voice_application_sid=application, **idle)
