"""What both clients do alike: addresses, bodies, answers, errors, and when to ask again. No I/O in here."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.cookiejar import CookieJar, DefaultCookiePolicy
from ipaddress import ip_address
from types import NoneType
from typing import Any, Final, TypeVar, cast
from urllib.parse import urlsplit

import httpx
import msgspec
from pydantic import SecretStr

from gateway.errors import SettingsError
from gateway.sdk.errors import ApiError, Failed, Garbled, Throttled, Unanswered, Unreachable, refusal
from gateway.sdk.requests import Question, Secret

T = TypeVar("T")
LARGEST_ANSWER: Final = 32 * 1024 * 1024
ATTEMPTS: Final = 3
_FIRST_PAUSE_S: Final = 0.25
_LONGEST_PAUSE_S: Final = 10.0
_CONNECT_S: Final = 5.0
_PASSING: Final = (Unreachable, Unanswered, Throttled, Failed)
_WILL_NOT_PASS: Final = frozenset({500, 501, 505})


@dataclass(frozen=True, slots=True)
class Reply:
    """An HTTP answer, read whole."""

    status: int
    body: bytes = field(default=b"", repr=False)
    retry_after: str = ""


def base_url(url: str) -> str:
    """Check the gateway's address: https, or http on this machine, since the key goes there.

    Raises:
        SettingsError: it will not do.
    """
    try:
        parts = urlsplit(url.strip())
        host = parts.hostname or ""
        good = parts.scheme == "https" or (parts.scheme == "http" and _loopback(host))
        good = (
            good and bool(host) and parts.port != 0 and not (parts.username or parts.query or parts.fragment)
        )
    except ValueError:
        good = False
    if not good:
        raise SettingsError(
            "the gateway's address must be https://... (http:// is for this machine alone), "
            "without user name, query and fragment",
            remedy="Give an address such as https://gateway.example.com.",
        )
    return f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}"


def _loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def options(url: str, key: Secret) -> dict[str, Any]:
    """How either of httpx's clients is made."""
    text = key.get_secret_value() if isinstance(key, SecretStr) else key
    if not text or not text.isascii() or not text.isprintable() or " " in text:
        raise SettingsError("the API key is empty, or is not plain ASCII without blanks")
    return {
        "base_url": url,
        "headers": {
            "Authorization": f"Bearer {text}",
            "Accept": "application/json, */*;q=0.5",
            "Accept-Encoding": "identity",
            "User-Agent": "vatel-gateway-sdk",
        },
        "cookies": CookieJar(DefaultCookiePolicy(allowed_domains=())),
        # A redirect would take the key elsewhere, as would a proxy that is asked for a plain address.
        "follow_redirects": False,
        "trust_env": url.startswith("https://"),
    }


def sent(question: Question[Any]) -> dict[str, Any]:
    """A question, as httpx takes it."""
    given: dict[str, Any] = {
        "method": question.method,
        "url": question.path,
        "headers": dict(question.headers),
        "timeout": httpx.Timeout(question.deadline_s, connect=_CONNECT_S),
    }
    if question.query:
        given["params"] = dict(question.query)
    if question.body is not None:
        given["content"] = msgspec.json.encode(question.body, enc_hook=_reveal)
        given["headers"] |= {"Content-Type": "application/json"}
    return given


def read(question: Question[T], reply: Reply) -> T:
    """The answer to a question.

    Raises:
        ApiError: it is a refusal, or not of the API's form.
    """
    if not 200 <= reply.status < 300:
        raise refusal(reply.status, reply.body, reply.retry_after)
    if question.answer is NoneType:
        return cast("T", None)
    try:
        return msgspec.json.decode(reply.body, type=question.answer, dec_hook=_hide)
    except (msgspec.MsgspecError, UnicodeError) as error:
        text = str(error) if isinstance(error, msgspec.ValidationError) else "it is not JSON"
        raise Garbled(f"the answer can't be read: {text}", status=reply.status) from None


def pause_s(question: Question[Any], error: ApiError, attempt: int) -> float | None:
    """How long to wait before the question is asked again; None if it should not be.

    Only what changes nothing is asked again: of other requests nobody knows whether they were carried out.
    """
    if not question.safe or attempt >= ATTEMPTS or not isinstance(error, _PASSING):
        return None
    if error.status in _WILL_NOT_PASS:
        return None
    pause = max(error.retry_after_s or 0.0, _FIRST_PAUSE_S * 2.0 ** (attempt - 1))
    return pause if pause <= _LONGEST_PAUSE_S else None


@contextmanager
def carried(question: Question[Any]) -> Iterator[None]:
    """Say what goes wrong in the client's own errors.

    Raises:
        ApiError: whatever was raised in here.
    """
    try:
        yield
    except ApiError as error:
        error.idempotency_key = question.headers.get("Idempotency-Key")
        raise
    except (httpx.ConnectError, httpx.ConnectTimeout, httpx.UnsupportedProtocol):
        raise Unreachable("no connection to the gateway") from None
    except (TimeoutError, httpx.HTTPError, httpx.InvalidURL) as error:
        late = isinstance(error, TimeoutError | httpx.TimeoutException)
        lost = Unanswered(
            f"the gateway gave no answer within {question.deadline_s:g} s"
            if late
            else f"the gateway's answer broke off ({type(error).__name__})"
        )
        lost.idempotency_key = question.headers.get("Idempotency-Key")
        raise lost from None


def too_large() -> Garbled:
    """The answer is larger than any of the API's."""
    return Garbled(f"the answer is larger than {LARGEST_ANSWER} bytes")


def same_page() -> Garbled:
    """The cursor of the next page is the one of this page, so that there would be no end."""
    return Garbled("the list goes round in circles")


def _reveal(value: object) -> object:
    """A secret as it is sent; nowhere else."""
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    raise NotImplementedError(type(value).__name__)


def _hide(kind: type, value: object) -> object:
    """What JSON has no type of its own for: secrets, and values of any kind."""
    if kind is object:
        return value
    if kind is SecretStr and isinstance(value, str):
        return SecretStr(value)
    raise NotImplementedError(kind.__name__)
