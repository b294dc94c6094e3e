"""A call's recording: a file below one folder, or a part of it."""

import os
import re
from pathlib import Path
from typing import Final

import anyio
from starlette.datastructures import MutableHeaders
from starlette.responses import FileResponse, Response
from starlette.types import Message, Receive, Scope, Send

from gateway.store.calls import Call
from gateway.web.api.door import problem_response
from gateway.web.api.problem import Kind, Problem

TYPES: Final = {
    ".flac": "audio/flac",
    ".mp3": "audio/mpeg",
    ".ogg": "audio/ogg",
    ".opus": "audio/ogg",
    ".wav": "audio/wav",
}
_RANGE: Final = re.compile(
    r"bytes=\s*(\d{1,15}-\d{0,15}|-\d{1,15})(\s*,\s*(\d{1,15}-\d{0,15}|-\d{1,15})){0,9}"
)
_NONE: Final = "There is no recording of this call."
_UNSATISFIABLE: Final = 416


class Recordings:
    """The folder of recordings; without one there are none."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder.resolve() if folder else None

    async def response(self, call: Call) -> Response:
        """The file of a call's recording, to be sent.

        Raises:
            Problem: there is none, or it is not finished.
        """
        if call.recording_state == "recording":
            raise Problem(Kind.CONFLICT, "The call is still being recorded.", headers={"Retry-After": "10"})
        path = self._path(call.recording_path) if call.recording_state in ("kept", "partial") else None
        found = await anyio.to_thread.run_sync(_stat, path) if path else None
        if path is None or found is None:
            raise Problem(Kind.NOT_FOUND, _NONE)
        name = f"{call.id}{path.suffix}"
        kind = TYPES.get(path.suffix.lower(), "application/octet-stream")
        return _File(path, media_type=kind, filename=name, stat_result=found)

    def _path(self, relative: str | None) -> Path | None:
        """Where a recording is; never outside of the folder, whatever is on record."""
        if self._folder is None or not relative or "\0" in relative:
            return None
        path = (self._folder / relative).resolve()
        return path if path.is_relative_to(self._folder) else None


def _stat(path: Path) -> os.stat_result | None:
    try:
        return path.stat() if path.is_file() else None
    except OSError:
        return None


class _File(FileResponse):
    """A file, of which parts may be asked for; a part it does not have is a problem as all others are."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # A header Range that can't be read is as good as none: RFC 9110, 14.2.
        heads = [(name, value) for name, value in scope["headers"] if name != b"range" or _readable(value)]
        missing = False

        async def sending(message: Message) -> None:
            nonlocal missing
            if message["type"] == "http.response.start" and message["status"] == _UNSATISFIABLE:
                missing = True
            if not missing:
                await send(message)

        await super().__call__({**scope, "headers": heads}, receive, sending)
        if missing:
            size = MutableHeaders(raw=self.raw_headers)["content-length"]
            problem = Problem(
                Kind.RANGE, f"The file has {size} bytes.", headers={"Content-Range": f"bytes */{size}"}
            )
            await problem_response(problem)(scope, receive, send)


def _readable(value: bytes) -> bool:
    if not _RANGE.fullmatch(value.decode("latin-1")):
        return False
    parts = (part.strip() for part in value.decode("latin-1").removeprefix("bytes=").split(","))
    ends = (part.partition("-") for part in parts)
    return all(not first or not last or int(first) <= int(last) for first, _, last in ends)
