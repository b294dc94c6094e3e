"""The bounds of an agent's socket, and how it ends."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SocketLimits:
    """How long to wait and how much to hold, in seconds and bytes."""

    open_timeout_s: float = 3.0
    """From the first packet to the accepted upgrade."""
    close_timeout_s: float = 1.0
    """From our close frame until the connection is cut."""
    ping_interval_s: float = 2.0
    ping_late_s: float = 1.0
    """Without an answer for so long, the peer may be gone; after ``ping_timeout_s``, it is."""
    ping_timeout_s: float = 3.0
    max_message_bytes: int = 4 * 1024 * 1024
    max_backlog_bytes: int = 64 * 1024
    """Above this, droppable messages are refused: about a second of caller audio."""
    hard_backlog_bytes: int = 512 * 1024
    """Above this, the connection is given up."""
    kernel_buffer_bytes: int = 64 * 1024
    """What the kernel may hold besides: with its default of megabytes a slow reader shows after a minute."""


@dataclass(frozen=True, slots=True)
class LostSocket:
    """Why a socket is no more: ``clean`` means that the peer said so with a close frame."""

    code: int | None
    reason: str
    clean: bool
    error: Exception | None = None
    """What ``on_message`` raised, if that was the reason: a bug of ours."""
