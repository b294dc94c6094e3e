"""How Twilio signs its requests (https://www.twilio.com/docs/usage/security#validating-requests)."""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from urllib.parse import urlsplit, urlunsplit

HEADER = "X-Twilio-Signature"


def sign(token: str, url: str, params: Mapping[str, str] | None = None) -> str:
    """Signature of a request: HMAC-SHA1 over the URL and the sorted form parameters, in base64.

    Args:
        token: The account's primary auth token.
        url: The signed form of the address (see ``signed_url``), query included.
        params: The form of a POST, blank values included; nothing for a GET or a WebSocket.

    """
    text = url + "".join(name + value for name, value in sorted((params or {}).items()))
    digest = hmac.new(token.encode(), text.encode(), hashlib.sha1).digest()
    return base64.b64encode(digest).decode()


def signed_url(url: str) -> str:
    """The form in which Twilio signs a webhook's address: no user, no fragment; over HTTPS no port."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    if parts.scheme == "https" and parts.port is not None:
        host = host.rpartition(":")[0]
    return urlunsplit((parts.scheme, host, parts.path, parts.query, ""))
