"""The forms of values: identifiers, addresses, telephone numbers, secrets."""

import base64
from ipaddress import ip_address
from typing import Final
from urllib.parse import SplitResult, urlsplit

import phonenumbers
from pydantic import SecretStr

ACCOUNT_SID: Final = r"^AC[0-9a-f]{32}$"
API_KEY: Final = r"^SK[0-9a-f]{32}$"
MODULE: Final = r"^[A-Za-z_][\w.]*$"
TOOL_NAME: Final = r"^[A-Za-z][A-Za-z0-9_-]{0,63}$"
_LONGEST_ADDRESS: Final = 500
_EXAMPLE: Final = "must be an address such as https://gateway.example.com"


def signing_secret(value: SecretStr) -> SecretStr:
    """Check a secret of Standard Webhooks."""
    head, _, key = value.get_secret_value().partition("_")
    try:
        usable = head == "whsec" and base64.b64decode(key + "=" * (-len(key) % 4), validate=True)
    except ValueError:
        usable = False
    if not usable:
        raise ValueError("must be whsec_ and base64, made by: echo whsec_$(openssl rand -base64 32)")
    return value


def web_address(value: str) -> str:
    """Check a base address: https, or http on this machine; no user, query or fragment."""
    parts = full_address(value.strip())
    if "?" in value:
        raise ValueError("must have no query")
    return f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}"


def full_address(value: str) -> SplitResult:
    """Take an address apart that can be asked as it stands."""
    try:
        parts = urlsplit(value)
        usable = parts.scheme in ("https", "http") and parts.hostname and parts.port != 0
    except ValueError:
        usable = None
    if not usable or not plain(value) or parts.netloc.endswith(":"):
        raise ValueError(_EXAMPLE)
    if "@" in parts.netloc or "#" in value:
        raise ValueError("must have no user name and no fragment")
    if parts.scheme == "http" and not _loopback(parts.hostname or ""):
        raise ValueError("must begin with https:// (http:// is for this machine alone)")
    if len(value) > _LONGEST_ADDRESS:
        raise ValueError(f"is longer than {_LONGEST_ADDRESS} characters")
    return parts


def plain(value: str) -> bool:
    """Whether a value can stand in the head of a request."""
    return value.isascii() and value.isprintable() and " " not in value


def telephone_number(value: str) -> str:
    """Check a telephone number in international form, such as +14155550100."""
    try:
        number = phonenumbers.parse(value.strip())
    except phonenumbers.NumberParseException:
        raise ValueError("must be a telephone number such as +14155550100") from None
    if number.extension or not phonenumbers.is_possible_number(number):
        raise ValueError("must be a possible telephone number, without extension")
    return str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))


def ip_number(value: str) -> str:
    """Check the address of a machine: a number, not a name."""
    try:
        return str(ip_address(value))
    except ValueError:
        raise ValueError("each of them must be an IP address such as 10.0.0.1") from None


def _loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
