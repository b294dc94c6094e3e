"""Reads the clips of a language: the operator's own files where there are any, else those that ship."""

from collections.abc import Collection
from importlib import resources
from pathlib import Path
from typing import Final

import soundfile

from gateway.audio.clips import ClipName, Clips
from gateway.audio.mulaw import RATE, encode
from gateway.errors import SettingsError

LONGEST_S: Final = 10
_WAVE: Final = ".wav"
_RAW: Final = ".ulaw"
_CODES: Final = ("ULAW", "PCM_16")
_HEADERS: Final = (b"RIFF", b"fLaC", b"OggS", b"ID3", b"FORM", b".snd")
_SHIPPED: Final = resources.files("gateway.calls") / "clips"


def load(language: str, folder: Path | None = None, but: Collection[ClipName] = ()) -> Clips:
    """Read the clips of one language.

    Args:
        language: A language clips ship for, such as ``en``.
        folder: Where the operator's own are, as ``LANGUAGE/NAME.wav`` or ``.ulaw``.
        but: Those of ours that are not to be had: the operator has other words for them.

    Raises:
        SettingsError: a file of the operator's is of no use; the message names it.
    """
    names = [name for name in ClipName if name not in but]
    shipped = {name: (_SHIPPED / language / f"{name}{_RAW}").read_bytes() for name in names}
    return Clips(shipped | _own(folder, language) if folder is not None else shipped)


def _own(folder: Path, language: str) -> dict[ClipName, bytes]:
    try:
        if not folder.is_dir():
            raise SettingsError(f"CLIPS_DIR: {folder} is not a folder")
        files = sorted((folder / language).iterdir()) if (folder / language).exists() else []
        return {ClipName(file.stem): _read(file) for file in files if _checked(file)}
    except OSError as error:
        raise SettingsError(
            f"CLIPS_DIR: {error.filename or folder} can't be read: {error.strerror}"
        ) from None


def _checked(file: Path) -> bool:
    """Whether a file is a clip; one that is meant to be and is not raises."""
    known, sound = file.stem in set(ClipName), file.suffix in (_WAVE, _RAW)
    if known and not sound:
        raise _wrong(file, f"must be a file {_WAVE} or {_RAW}")
    if sound and not known:
        raise _wrong(file, f"is none of the clips, which are {', '.join(ClipName)}")
    if file.suffix == _RAW and file.with_suffix(_WAVE).exists():
        raise _wrong(file, f"is there as {_WAVE} too: keep one of them")
    return known


def _read(file: Path) -> bytes:
    sound = _read_wave(file) if file.suffix == _WAVE else _read_raw(file)
    if sound.startswith(_HEADERS):
        raise _wrong(file, "has the header of another format: mu-law has none")
    if not sound:
        raise _wrong(file, "is empty")
    if len(sound) > LONGEST_S * RATE:
        raise _wrong(file, f"is longer than {LONGEST_S} seconds")
    return sound


def _read_raw(file: Path) -> bytes:
    with file.open("rb") as opened:
        return opened.read(LONGEST_S * RATE + 1)


def _read_wave(file: Path) -> bytes:
    try:
        with soundfile.SoundFile(file) as wave:
            if wave.samplerate != RATE:
                raise _wrong(file, f"must have {RATE} samples a second, not {wave.samplerate}")
            if wave.channels != 1:
                raise _wrong(file, f"must have one channel, not {wave.channels}")
            if wave.format not in ("WAV", "WAVEX") or wave.subtype not in _CODES:
                raise _wrong(file, "must be a WAV file of mu-law or of 16-bit samples")
            return encode(wave.read(LONGEST_S * RATE + 1, dtype="int16"))
    except soundfile.LibsndfileError:
        raise _wrong(file, "is not a WAV file") from None


def _wrong(file: Path, problem: str) -> SettingsError:
    return SettingsError(f"CLIPS_DIR: {file} {problem}")
