"""A way to a gateway other than its public address: requests go elsewhere, and stay signed as written."""

from collections.abc import Callable


def detour(public_url: str, url: str) -> Callable[[str], str]:
    """What leads addresses below one base to another, those of sockets too."""
    pairs = [(public_url, url), (_socket(public_url), _socket(url))]

    def reach(address: str) -> str:
        for base, instead in pairs:
            rest = address.removeprefix(base)
            if rest != address and rest[:1] in ("", "/", "?"):
                return instead + rest
        return address

    return reach


def _socket(url: str) -> str:
    return "ws" + url.removeprefix("http")
