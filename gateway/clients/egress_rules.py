"""Where requests to addresses that others give us may go: which URLs, and which machines behind their names.

A URL is read by one narrow grammar, so that nothing after it can read it otherwise; what that grammar does
not know is refused. The rules are asked again with the addresses a name has when a connection is made.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

from gateway.errors import EgressRefused

LONGEST_URL: Final = 2048
_URL: Final = re.compile(
    r"(?P<scheme>https?)://(?P<host>[a-z0-9.-]{1,253})(?::(?P<port>[1-9][0-9]{0,4}))?"
    r"(?P<target>[/?][A-Za-z0-9._~%!$&'()*+,;=:@/?-]*)?\Z",
    re.ASCII,
)
_LABEL: Final = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
# A last label never begins with a digit: whatever does is some spelling of an IPv4 address.
# https://url.spec.whatwg.org/#ends-in-a-number-checker
_NAME: Final = re.compile(rf"(?:{_LABEL}\.)*[a-z](?:[a-z0-9-]{{0,61}}[a-z0-9])?\Z", re.ASCII)
_AUTHORITY: Final = re.compile(r"[a-z]+://[^/?#]*@", re.ASCII)
_LOCAL_NAMES: Final = (
    "localhost", "localdomain", "local", "internal", "intranet", "lan", "home.arpa", "in-addr.arpa",
    "ip6.arpa", "onion",
)  # fmt: skip
_LOOPBACK_HOSTS: Final = frozenset({"localhost", "127.0.0.1"})
_LAST_PORT: Final = 65535
_DEFAULT_PORTS: Final = {"https": 443, "http": 80}

# https://www.iana.org/assignments/iana-ipv4-special-registry
_CLOSED_V4: Final = tuple(
    IPv4Network(each)
    for each in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
        "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15",
        "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
    )
)  # fmt: skip
# https://www.iana.org/assignments/iana-ipv6-special-registry
_UNICAST_V6: Final = IPv6Network("2000::/3")
_CLOSED_V6: Final = tuple(
    IPv6Network(each)
    for each in ("2001::/23", "2001:db8::/32", "2002::/16", "3ffe::/16", "3fff::/20")  # Teredo, 6to4 within
)
_NAT64: Final = IPv6Network("64:ff9b::/96")
# What an operator may open by naming a host; never link-local, multicast or unspecified addresses.
_OWN_NETWORK: Final[tuple[IPv4Network | IPv6Network, ...]] = tuple(
    ip_network(each)
    for each in (
        "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7",
        "::1/128",
    )
)  # fmt: skip
# Clouds hand out credentials here. One is a public address, others lie where operators have their own hosts.
_METADATA: Final = frozenset(
    ip_address(each)
    for each in ("169.254.169.254", "168.63.129.16", "100.100.100.200", "192.0.0.192", "fd00:ec2::254",
                 "fd20:ce::254")
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Target:
    """A URL that may be asked, in its parts; ``path`` has the query with it, and may hold secrets."""

    scheme: str
    host: str
    port: int
    path: str

    def __repr__(self) -> str:
        return f"Target({self.scheme}://{self.host}:{self.port})"


class EgressRules:
    """What is allowed.

    Args:
        ports: Ports of public hosts.
        private_hosts: Hosts of the operator's own network, as ``name`` or ``name:port``; a port named here
            need not be among ``ports``.
        loopback: Whether this machine may be asked, over http or https, at any port.
    """

    def __init__(
        self,
        ports: Iterable[int] = (443,),
        private_hosts: Iterable[str] = (),
        *,
        loopback: bool = False,
    ) -> None:
        self._ports = frozenset(ports)
        self._private = frozenset(host.strip().lower() for host in private_hosts)
        self._loopback = loopback

    def target(self, url: str) -> Target:
        """Read a URL; nothing is looked up.

        Raises:
            EgressRefused: it is malformed, or leads where it may not; the message does not repeat it.
        """
        if len(url) > LONGEST_URL:
            raise EgressRefused(f"the address is longer than {LONGEST_URL} characters", code="malformed")
        parts = _URL.match(_lower_authority(url))
        port = int((parts and parts["port"]) or 0)
        if parts is None or port > _LAST_PORT:
            raise _malformed(url)
        scheme, host = parts["scheme"], parts["host"]
        port = port or _DEFAULT_PORTS[scheme]
        self._check_host(host, port)
        self._check_port(scheme, host, port)
        path = parts["target"] or "/"
        return Target(scheme, host, port, path if path.startswith("/") else f"/{path}")

    def check(self, host: str, port: int, addresses: Iterable[str]) -> None:
        """See whether a host may be connected to, by everything its name leads to.

        Raises:
            EgressRefused: one of the addresses is out of bounds. It is not named: whoever gave us the URL
                must not learn what names mean inside.
        """
        for address in addresses:
            if not self._permits(host, port, address):
                raise EgressRefused(f"{host} leads to an address that is not public", code="address")

    def _permits(self, host: str, port: int, text: str) -> bool:
        try:
            address = ip_address(text)
        except ValueError:
            return False
        if self._named(host, port):
            own = any(address in network for network in _OWN_NETWORK) and not _scoped(address)
            return public(text) or (own and address not in _METADATA)
        if self._is_loopback(host):
            return address.is_loopback
        return public(text)

    def _check_host(self, host: str, port: int) -> None:
        if self._named(host, port) or self._is_loopback(host):
            return
        if _is_ipv4(host):
            self.check(host, port, [host])
        elif not _NAME.match(host):
            raise EgressRefused("the host is no plain name of a machine", code="host")
        elif "." not in host or any(f".{host}".endswith(f".{name}") for name in _LOCAL_NAMES):
            raise EgressRefused("the host is a name of a local network", code="host")

    def _check_port(self, scheme: str, host: str, port: int) -> None:
        if self._is_loopback(host):
            return
        if scheme != "https":
            raise EgressRefused("only https is allowed", code="scheme")
        if port not in self._ports and f"{host}:{port}" not in self._private:
            raise EgressRefused(f"port {port} is not allowed", code="port")

    def _named(self, host: str, port: int) -> bool:
        return host in self._private or f"{host}:{port}" in self._private

    def _is_loopback(self, host: str) -> bool:
        return self._loopback and host in _LOOPBACK_HOSTS


def public(text: str) -> bool:
    """Whether an address is one of the public Internet's.

    Addresses that carry an IPv4 address within are not, but for NAT64, by which machines without IPv4 reach
    those that have nothing else: that is as public as what it carries. https://www.rfc-editor.org/rfc/rfc6052
    """
    try:
        address = ip_address(text)
    except ValueError:
        return False
    if _scoped(address) or address in _METADATA:
        return False
    if isinstance(address, IPv6Address):
        if address in _NAT64:
            return public(str(IPv4Address(int(address) & 0xFFFFFFFF)))
        return address in _UNICAST_V6 and not any(address in network for network in _CLOSED_V6)
    return not any(address in network for network in _CLOSED_V4)


def _scoped(address: IPv4Address | IPv6Address) -> bool:
    return isinstance(address, IPv6Address) and address.scope_id is not None


def _is_ipv4(host: str) -> bool:
    try:
        return str(IPv4Address(host)) == host
    except ValueError:
        return False


def _lower_authority(url: str) -> str:
    """Schemes and names mean the same in capitals. Only ASCII: other letters may turn into it."""
    if not url.isascii():
        return url
    head, slashes, rest = url.partition("://")
    end = next((place for place, character in enumerate(rest) if character in "/?"), len(rest))
    return head.lower() + slashes + rest[:end].lower() + rest[end:]


def _malformed(url: str) -> EgressRefused:
    if _AUTHORITY.match(url.lower()):
        return EgressRefused("the address holds a user's name", code="userinfo")
    if "#" in url:
        return EgressRefused("the address holds a fragment", code="fragment")
    if not url.lower().startswith(("http://", "https://")):
        return EgressRefused("only https is allowed", code="scheme")
    return EgressRefused("the address is malformed", code="malformed")
