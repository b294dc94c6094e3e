"""The numbers a bridge lives by. Every wait and every store of a call is bounded here."""

from dataclasses import dataclass

from gateway.ids import E164


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one call. Seconds end in ``_s``, milliseconds in ``_ms``."""

    # Audio to the caller
    playout_lead_ms: int = 1000  # agent audio at Twilio that the caller has not heard yet
    mark_every_ms: int = 200
    mark_grace_s: float = 0.5  # a mark this late is given up; sooner where Twilio would run dry
    idle_flush_s: float = 0.1  # the agent pauses in a turn: send the part of a frame that waits
    gather_ms: int = 200  # agent audio converted and sent at a time, while Twilio has enough to play
    enough_s: float = 0.25  # what Twilio has to play at least while more is gathered
    waiting_audio_s: float = 300.0  # agent audio that waits in the gateway

    # Audio to the agent
    early_media_ms: int = 1000  # what the caller said last before the agent was there

    # Waiting for the legs
    stream_timeout_s: float = 15.0  # from the webhook to the stream
    join_timeout_s: float = 2.5  # from the stream to session_started: a person must be heard within 3 s
    media_gap_s: float = 10.0  # Twilio sends 50 frames a second, in silence too
    max_call_s: float = 3600.0
    last_sentence_s: float = 10.0  # what the agent is saying then may take so much longer

    # Endings
    drain_extra_s: float = 5.0  # how much longer than its audio a goodbye may take
    settle_s: float = 0.4  # after a tool ends the call: how long its last words may still be on their way
    unfinished_s: float = 2.0  # the same while a turn is open
    lost_agent_drain_s: float = 1.2
    transfer_timeout_s: float = 15.0  # Twilio's answer is missing: the call goes on

    # Tools
    tools_at_once: int = 5
    tools_queued: int = 50
    tool_output_bytes: int = 64 * 1024
    digit_timeout_s: float = 10.0
    type_ahead_s: float = 3.0  # keys pressed this long before they are asked for count

    # Bad messages: more than so many in the window and the leg is unusable
    bad_messages: int = 20
    bad_window_s: float = 10.0


@dataclass(frozen=True, slots=True)
class ToolBook:
    """Which tools the agent may call in this call, and whom it may transfer to."""

    timeouts_s: dict[str, float]
    transfer_numbers: tuple[E164, ...] = ()
