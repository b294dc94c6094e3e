"""What an agent is: its settings and versions, as Vatel shows them and as they are sent."""

from typing import Literal, NewType

import msgspec
from msgspec import UNSET, UnsetType

from gateway.clients.vatel.numbers import NumberId
from gateway.ids import AgentId

VersionId = NewType("VersionId", str)
"""Vatel's name of a version of an agent: a UUID."""

TimeoutAction = Literal["end_call", "transfer_call"]
VoiceProvider = Literal["elevenlabs", "openai", "cartesia", "hume", "minimax", "fish"]
Language = Literal["multi", "en", "es", "fr", "de", "it", "pt", "ru", "zh", "ja", "ko", "ar", "hi"]
"""What an agent speaks first of all; ``multi`` is for speech recognition that knows several."""


class VoiceSettings(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Which voice speaks, and how. What is sent needs ``id`` and ``provider``; the tunings are 0 to 2."""

    id: str = ""
    provider: str = ""
    speed: float | None = None
    stability: float | None = None
    similarity_boost: float | None = None
    volume: float | None = None


class VadSettings(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """When speech begins a turn, when silence ends it, and when silence is too long; in seconds."""

    start_secs: float | None = None
    stop_secs: float | None = None
    silence_timeout_secs: float | None = None


class NoiseCancelSettings(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Whether noise of the caller's side is taken out, and how strongly: 0 to 100."""

    enabled: bool | None = None
    level: float | None = None


class TimeoutSettings(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What becomes of long calls and silent callers; the timeout is in seconds.

    What is sent has a ``TimeoutAction`` for an action; what is read may have any.
    """

    default_timeout: float | None = None
    timeout_action: str | None = None
    transfer_number: str | None = None
    transfer_message: str | None = None
    silence_counter: int | None = None
    silence_timeout_action: str | None = None
    silence_transfer_number: str | None = None


class Agent(msgspec.Struct, frozen=True, kw_only=True):
    """An agent as Vatel shows it.

    Attributes:
        id: Its name in all other requests.
        phone_number_id: The imported number it answers and dials from; empty if none.
        llm: Its language model; ``fallback_llm`` is used when that fails.
        status: ``active`` or ``inactive``.
        first_message_interruption_time: In seconds.
        created_at: RFC 3339, as is ``updated_at``.
    """

    id: AgentId = AgentId("")
    phone_number_id: NumberId = NumberId("")
    name: str = ""
    llm: str = ""
    fallback_llm: str = ""
    status: str = ""
    prompt: str = ""
    first_message: str = ""
    first_message_interruption_time: float = 0.0
    default_language: str = ""
    summarize_calls: bool = False
    created_at: str = ""
    updated_at: str = ""
    noise_cancel_settings: NoiseCancelSettings = NoiseCancelSettings()
    vad_settings: VadSettings = VadSettings()
    enable_first_message_outbound: bool = False
    voice_settings: VoiceSettings = VoiceSettings()
    timeout_settings: TimeoutSettings = TimeoutSettings()
    keyterms: tuple[str, ...] = ()

    @property
    def active(self) -> bool:
        """Whether it takes calls."""
        return self.status == "active"


class AgentChange(msgspec.Struct, frozen=True, kw_only=True):
    """What to change of an agent: what is unset stays as it is.

    ``phone_number_id`` of ``None`` takes its number away; ``keyterms`` replaces the whole list.
    """

    phone_number_id: NumberId | UnsetType | None = UNSET
    name: str | UnsetType = UNSET
    llm: str | UnsetType = UNSET
    fallback_llm: str | UnsetType = UNSET
    status: Literal["active", "inactive"] | UnsetType = UNSET
    prompt: str | UnsetType = UNSET
    first_message: str | UnsetType = UNSET
    first_message_interruption_time: float | UnsetType = UNSET
    default_language: Language | UnsetType = UNSET
    summarize_calls: bool | UnsetType = UNSET
    noise_cancel_settings: NoiseCancelSettings | UnsetType = UNSET
    vad_settings: VadSettings | UnsetType = UNSET
    enable_first_message_outbound: bool | UnsetType = UNSET
    voice_settings: VoiceSettings | UnsetType = UNSET
    timeout_settings: TimeoutSettings | UnsetType = UNSET
    keyterms: tuple[str, ...] | UnsetType = UNSET


class AgentDraft(AgentChange, frozen=True, kw_only=True):
    """A new agent: a name, and whatever is not to be as Vatel has it by default."""

    name: str


class Version(msgspec.Struct, frozen=True, kw_only=True):
    """A version of an agent; ``published_at`` is ``None`` while it is a draft. Times are RFC 3339."""

    id: VersionId = VersionId("")
    agent_id: AgentId = AgentId("")
    created_at: str = ""
    published_at: str | None = None
    tag: str = ""


class VersionDetail(msgspec.Struct, frozen=True, kw_only=True):
    """A version with its nodes, whose form is Vatel's own affair."""

    version: Version = Version()
    nodes: tuple[dict[str, object], ...] = ()
