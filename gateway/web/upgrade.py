"""The request that asks for a WebSocket, and the answer that refuses one."""

import asyncio
import base64
import binascii
from collections.abc import Iterable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Self
from urllib.parse import unquote

import httptools
from uvicorn.config import Config
from uvicorn.protocols.utils import get_local_addr, get_remote_addr, is_ssl


@dataclass
class Upgrade:
    """An upgrade request, filled in by httptools."""

    target: bytes = b""
    method: bytes = b""
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)

    @classmethod
    def parse(cls, request: bytes) -> Self:
        """Read a whole request; raise ValueError if it is not one that asks for a WebSocket."""
        upgrade = cls()
        parser = httptools.HttpRequestParser(upgrade)
        try:
            parser.feed_data(request)
        except httptools.HttpParserUpgrade:
            upgrade.method = parser.get_method()
        except httptools.HttpParserError as exc:
            raise ValueError("not an HTTP request") from exc
        upgrade.check()
        return upgrade

    def on_url(self, url: bytes) -> None:
        """Take a piece of the target."""
        self.target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header."""
        self.headers.append((name.lower(), value))

    def values(self, name: bytes) -> list[bytes]:
        """Return the comma-separated values of a header, in order."""
        return [part.strip() for key, value in self.headers if key == name for part in value.split(b",")]

    @property
    def key(self) -> bytes:
        """The client's key."""
        return b",".join(self.values(b"sec-websocket-key"))

    def check(self) -> None:
        """Raise ValueError unless this is a handshake of RFC 6455, section 4.2.1."""
        tokens = [token.lower() for token in self.values(b"connection")]
        if self.method != b"GET" or b"upgrade" not in tokens:
            raise ValueError("not an upgrade")
        if [value.lower() for value in self.values(b"upgrade")] != [b"websocket"]:
            raise ValueError("not an upgrade to a WebSocket")
        if self.values(b"sec-websocket-version") != [b"13"]:
            raise ValueError("not version 13")
        try:
            size = len(base64.b64decode(self.key, validate=True))
        except binascii.Error:
            size = 0
        if size != 16:
            raise ValueError("no valid key")
        if self.values(b"content-length") not in ([], [b"0"]) or self.values(b"transfer-encoding"):
            raise ValueError("a handshake has no body")

    def subprotocols(self) -> list[str]:
        """Return what the client offers."""
        return [value.decode("latin-1") for value in self.values(b"sec-websocket-protocol")]

    def address(self) -> dict[str, Any]:
        """Return path and query as ASGI wants them; raise ValueError if the target is not one."""
        try:
            url = httptools.parse_url(self.target)
        except httptools.HttpParserInvalidURLError as exc:
            raise ValueError("no valid target") from exc
        raw_path = url.path or b"/"
        return {
            "path": unquote(raw_path.decode("ascii")),
            "raw_path": raw_path,
            "query_string": url.query or b"",
        }

    def scope(
        self, config: Config, transport: asyncio.Transport, app_state: dict[str, Any]
    ) -> dict[str, Any]:
        """Return the request as ASGI describes it; raise ValueError if the target is not one."""
        root_path = config.root_path
        address = self.address()
        return {
            "type": "websocket",
            "asgi": {"version": config.asgi_version, "spec_version": "2.4"},
            "http_version": "1.1",
            "scheme": "wss" if is_ssl(transport) else "ws",
            "server": get_local_addr(transport),
            "client": get_remote_addr(transport),
            "root_path": root_path,
            "path": root_path + address["path"],
            "raw_path": root_path.encode("ascii") + address["raw_path"],
            "query_string": address["query_string"],
            "headers": self.headers,
            "subprotocols": self.subprotocols(),
            "state": app_state.copy(),
            "extensions": {"websocket.http.response": {}},
        }

    def canonical(self) -> bytes:
        """Return the request as picows takes it: it knows no list in ``Connection``, and needs no more."""
        return (
            b"GET / HTTP/1.1\r\nHost: gateway\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: %b\r\n\r\n" % self.key
        )


def refusal(status: int, headers: Iterable[tuple[bytes, bytes]], body: bytes) -> bytes:
    """Build an HTTP answer after which the connection is closed."""
    try:
        phrase = HTTPStatus(status).phrase
    except ValueError:
        phrase = ""
    own = {b"connection": b"close", b"content-length": b"%d" % len(body)}
    if body:
        own[b"content-type"] = b"text/plain; charset=utf-8"
    given = [(name.lower(), value) for name, value in headers]
    for name, _ in given:
        own.pop(name, None)
    lines = [b"HTTP/1.1 %d %b" % (status, phrase.encode())]
    lines += [b"%b: %b" % header for header in [*given, *own.items()]]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body
