"""What the gateway itself can say, when neither vendor can: short phrases of mu-law, by name."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from gateway.audio.mulaw import FRAME, SILENCE


class ClipName(StrEnum):
    """What can be said; the names of the files."""

    ONE_MOMENT = "one_moment"
    STILL_THERE = "still_there"
    SORRY_TRANSFER = "sorry_transfer"
    SORRY_GOODBYE = "sorry_goodbye"


@dataclass(frozen=True, slots=True)
class Clips:
    """The clips of one language; mu-law by name. None at all is a gateway that stays silent."""

    sounds: Mapping[ClipName, bytes] = field(default_factory=dict, repr=False)

    def get(self, name: ClipName) -> bytes:
        """The clip in whole frames, ended with silence; empty if there is none."""
        sound = self.sounds.get(name, b"")
        return sound + bytes([SILENCE]) * (-len(sound) % FRAME)
