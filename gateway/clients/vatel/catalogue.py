"""What Vatel offers and who asks: the organization, models and voices."""

import msgspec

from gateway.clients.vatel.rest import Question, Rest


class Organization(msgspec.Struct, frozen=True, kw_only=True):
    """The organization an API key belongs to; ``created_at`` is RFC 3339."""

    id: str = ""
    name: str = ""
    created_at: str = ""


class Voice(msgspec.Struct, frozen=True, kw_only=True):
    """A voice an agent may have: its ``id`` and ``provider`` go into ``VoiceSettings``."""

    id: str = ""
    name: str = ""
    description: str | None = None
    provider: str = ""
    languages: tuple[str, ...] = ()
    preview_url: str | None = None
    featured: bool = False


class _Models(msgspec.Struct):
    llms: tuple[str, ...] = ()


class _Voices(msgspec.Struct):
    voices: tuple[Voice, ...] = ()


class Catalogue:
    """Reads what is there. Every call raises a ``VendorError`` when it fails."""

    def __init__(self, rest: Rest) -> None:
        self._rest = rest

    async def organization(self, *, deadline_s: float = 5.0) -> Organization:
        """The organization of the API key."""
        question = Question(method="GET", path="/v1/organization", deadline_s=deadline_s)
        return await self._rest.ask(question, Organization)

    async def models(self, *, deadline_s: float = 5.0) -> tuple[str, ...]:
        """The language models an agent may use, as ``provider/model``."""
        question = Question(method="GET", path="/v1/llms", deadline_s=deadline_s)
        return (await self._rest.ask(question, _Models)).llms

    async def voices(self, *, deadline_s: float = 5.0) -> tuple[Voice, ...]:
        """The voices an agent may have."""
        question = Question(method="GET", path="/v1/voices", deadline_s=deadline_s)
        return (await self._rest.ask(question, _Voices)).voices
