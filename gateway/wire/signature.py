"""Twilio's signatures, checked against the address we published and never against one a request claims.

https://www.twilio.com/docs/usage/security
"""

from collections.abc import Iterable, Mapping, Sequence

from twilio.request_validator import RequestValidator


class SignatureCheck:
    """Checks signatures made with any of the account's tokens, so that a token can be rotated.

    Paths are those this process sees. Where the public address has a path of its own, the proxy in front
    takes it off before it hands a request on, so address and path together are what Twilio signed.

    Args:
        public_url: The address we published.
        auth_tokens: The account's tokens.
        node_url: The address of this process alone, where it has one; Twilio is told this one too.
    """

    def __init__(self, public_url: str, auth_tokens: Sequence[str], node_url: str = "") -> None:
        self._bases = tuple(dict.fromkeys(url.rstrip("/") for url in (public_url, node_url) if url))
        self._validators = [RequestValidator(token) for token in auth_tokens]

    def webhook(self, path: str, query: str, params: Mapping[str, str], signature: str) -> bool:
        """Whether Twilio signed this form POST to ``path``, the query string included as it came."""
        asked = f"{path}?{query}" if query else path
        return self._any([f"{base}{asked}" for base in self._bases], params, signature)

    def upgrade(self, path: str, signature: str) -> bool:
        """Whether Twilio signed this WebSocket upgrade.

        Twilio signs the address as the TwiML wrote it, with the WebSocket scheme; its documentation asks
        to try once more with a slash appended.
        """
        urls = [f"{websocket_url(base)}{path}" for base in self._bases]
        return self._any([*urls, *(f"{url}/" for url in urls)], {}, signature)

    def _any(self, urls: Iterable[str], params: Mapping[str, str], signature: str) -> bool:
        if not signature or not signature.isascii():  # comparing in constant time may raise for the latter
            return False
        return any(
            validator.validate(url, params, signature) for url in urls for validator in self._validators
        )


def websocket_url(url: str) -> str:
    """The same address with the WebSocket scheme."""
    return "ws" + url.removeprefix("http") if url.startswith("http") else url
