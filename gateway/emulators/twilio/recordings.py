"""The recordings of the REST API: listed, fetched and deleted.

https://www.twilio.com/docs/voice/api/recording
"""

import io
from collections.abc import Mapping
from typing import Any

from starlette.responses import JSONResponse, Response

from gateway.emulators.twilio.errors import RestRefused
from gateway.emulators.twilio.line_audio import write_wav
from gateway.emulators.twilio.params import API_VERSION, rfc2822
from gateway.emulators.twilio.resources import ROOT, page_json
from gateway.emulators.twilio.shelf import Recording, Shelf

Form = Mapping[str, tuple[str, ...]]


class RecordingsApi:
    """The resource of recordings.

    Args:
        account_sid: The account they belong to.
        shelf: Where they are.

    """

    def __init__(self, account_sid: str, shelf: Shelf) -> None:
        self._account_sid = account_sid
        self._shelf = shelf

    def list(self, path: Mapping[str, str], query: Form) -> Response:
        """The recordings of the account or of a call, the newest first."""
        wanted = {name: values[0] for name, values in query.items()}
        call_sid = path.get("call") or wanted.get("CallSid")
        under = f"/Calls/{call_sid}" if "call" in path else ""
        shown = [
            self._json(recording)
            for recording in reversed(self._shelf.recordings.values())
            if call_sid in (None, recording.call_sid)
        ]
        uri = f"{ROOT}/{self._account_sid}{under}/Recordings.json"
        return JSONResponse(page_json(uri, "recordings", shown, wanted))

    def fetch(self, path: Mapping[str, str], _form: Form) -> Response:
        """One recording."""
        return JSONResponse(self._json(self._named(path)))

    def delete(self, path: Mapping[str, str], _form: Form) -> Response:
        """Take one from the shelf."""
        del self._shelf.recordings[self._named(path).sid]
        return Response(status_code=204)

    def wav(self, path: Mapping[str, str], _form: Form) -> Response:
        """The sound of one, as WAV; MP3 is not made."""
        buffer = io.BytesIO()
        write_wav(buffer, self._named(path).mulaw)
        return Response(buffer.getvalue(), media_type="audio/x-wav")

    def _named(self, path: Mapping[str, str]) -> Recording:
        recording = self._shelf.recordings.get(path["sid"])
        if recording is None:
            raise RestRefused(20404, path["sid"][:40])
        return recording

    def _json(self, recording: Recording) -> dict[str, Any]:
        uri = f"{ROOT}/{self._account_sid}/Recordings/{recording.sid}"
        return {
            "sid": recording.sid,
            "account_sid": self._account_sid,
            "api_version": API_VERSION,
            "call_sid": recording.call_sid,
            "conference_sid": None,
            "date_created": rfc2822(recording.created),
            "date_updated": rfc2822(recording.created),
            "start_time": rfc2822(recording.created),
            "duration": str(recording.duration_s),
            "price": None,
            "price_unit": "USD",
            "status": "completed",
            "channels": 1,
            "source": "OutboundAPI",
            "error_code": None,
            "encryption_details": None,
            "uri": f"{uri}.json",
            "media_url": f"https://api.twilio.com{uri}",
            "subresource_uris": {},
        }
