"""Twilio's requests to the server: signed forms, its timeouts, retries and redirects.

https://www.twilio.com/docs/usage/webhooks/webhooks-connection-overrides
"""

import asyncio
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.cookiejar import CookieJar, DefaultCookiePolicy
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit, urlunsplit

import httpx

from gateway.emulators.twilio.signature import HEADER, sign, signed_url
from gateway.emulators.twilio.twiml import MAX_BYTES, TwimlInvalid, Verb, parse

FETCH_FAILED = 11200
CONNECT_FAILED = 11205
TOO_MANY_REDIRECTS = 11215
TOO_LARGE = 11750
BAD_CONTENT_TYPE = 12300

MAX_REDIRECTS = 10
TOTAL_S = 15.0
XML_TYPES = frozenset({"text/xml", "application/xml"})
FORM_TYPE = "application/x-www-form-urlencoded; charset=UTF-8"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a webhook brought: an HTTP status and a body, or an error of Twilio's.

    Attributes:
        status: HTTP status of the last answer; None if none came.
        body: The body, at most 64 kB.
        content_type: Its media type, in lower case and without parameters.
        error: Twilio's error code; None if the answer is in order.
        signature: How the request was signed.

    """

    status: int | None = None
    body: bytes = field(default=b"", repr=False)
    content_type: str = ""
    error: int | None = None
    signature: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Document:
    """The TwiML of an answer, or Twilio's error code why there is none."""

    verbs: tuple[Verb, ...] = ()
    error: int | None = None
    text: str = ""


@dataclass(frozen=True, slots=True)
class Overrides:
    """Connection overrides of a URL's fragment, with Twilio's defaults for voice.

    Attributes:
        connect_s: Time to connect, in seconds (``ct``, milliseconds in the fragment).
        read_s: Time to the answer's first byte, in seconds (``rt``).
        total_s: Time for everything, retries included, in seconds (``tt``); 15 at most.
        retries: How often to try again (``rc``).
        policy: After what to try again (``rp``): ``ct``, ``rt``, ``4xx``, ``5xx``, ``all``.

    """

    connect_s: float = 5.0
    read_s: float = 15.0
    total_s: float = TOTAL_S
    retries: int = 1
    policy: frozenset[str] = frozenset({"ct"})

    @classmethod
    def of(cls, url: str) -> "Overrides":
        """Read the fragment of a URL; what makes no sense in it is ignored."""
        given = dict(parse_qsl(urlsplit(url).fragment))
        return cls(
            _number(given.get("ct"), 5000, 10_000) / 1000,
            _number(given.get("rt"), 15_000, 15_000) / 1000,
            _number(given.get("tt"), 15_000, 15_000) / 1000,
            _number(given.get("rc"), 1, 5),
            frozenset(given.get("rp", "ct").split(",")),
        )

    def again(self, answer: Answer) -> bool:
        """Whether an answer like this is tried again."""
        if answer.error == CONNECT_FAILED:
            reason = "ct"
        elif answer.status is None:
            reason = "rt"
        elif answer.status >= 400:
            reason = "5xx" if answer.status >= 500 else "4xx"
        else:
            return False
        return reason in self.policy or "all" in self.policy


def _number(text: str | None, default: int, most: int) -> int:
    return min(int(text), most) if text is not None and text.isascii() and text.isdigit() else default


class Webhooks:
    """Makes the requests of all calls through one pool of connections.

    Args:
        token: The account's auth token, which signs.
        timeout_s: Ceiling of one webhook, redirects and retries included, in real seconds.
        transport: Carries the requests; by default the network.
        reach: Says where to send a request to in place of its address.
        keep_alive: Whether connections are used again.

    """

    def __init__(
        self,
        token: str,
        *,
        timeout_s: float = TOTAL_S,
        transport: httpx.AsyncBaseTransport | None = None,
        reach: Callable[[str], str] = str,
        keep_alive: bool = True,
    ) -> None:
        self.token = token
        self._reach = reach
        self._timeout_s = timeout_s
        self._client = httpx.AsyncClient(
            trust_env=False,
            transport=transport,
            headers={"User-Agent": "TwilioProxy/1.1", "Accept": "*/*"},
            limits=httpx.Limits(max_connections=500, max_keepalive_connections=None if keep_alive else 0),
            # Cookies belong to a call, not to the client: this jar takes none.
            cookies=CookieJar(policy=DefaultCookiePolicy(allowed_domains=[])),
        )

    async def close(self) -> None:
        """Close the pool of connections."""
        await self._client.aclose()

    async def send(
        self,
        url: str,
        params: Mapping[str, str],
        *,
        method: str = "POST",
        cookies: httpx.Cookies | None = None,
        signature: str | None = None,
    ) -> Answer:
        """Make one signed request, with Twilio's retries and redirects; never raises for the peer's faults.

        Args:
            url: Absolute address; its fragment may override timeouts and retries.
            params: The form of a POST, the query of a GET.
            method: ``POST`` or ``GET``.
            cookies: The call's cookies, which the answer may change.
            signature: Sent instead of the right one, to try what the server does then.

        """
        overrides = Overrides.of(url)
        request = _Request(
            _bare(url), method.upper(), dict(params), cookies, signature, _idempotency_token(), overrides
        )
        answer = Answer(error=FETCH_FAILED)
        try:
            async with asyncio.timeout(min(self._timeout_s, overrides.total_s)):
                for attempt in range(overrides.retries + 1):
                    answer = await self._follow(request, attempt)
                    if not overrides.again(answer):
                        break
        except TimeoutError:
            return Answer(error=FETCH_FAILED)
        return answer

    async def _follow(self, request: "_Request", attempt: int) -> Answer:
        for _ in range(MAX_REDIRECTS + 1):
            answer, location = await self._once(request, attempt)
            if location is None:
                return answer
            request = request.redirected(location, answer.status or 302)
        return Answer(answer.status, error=TOO_MANY_REDIRECTS)

    async def _once(self, request: "_Request", attempt: int) -> tuple[Answer, str | None]:
        url, body, signature = request.signed(self.token)
        headers = {HEADER: signature}
        if body is not None:
            headers["Content-Type"] = FORM_TYPE
        if attempt:
            headers["I-Twilio-Idempotency-Token"] = request.idempotency_token
        timeout = httpx.Timeout(request.overrides.read_s, connect=request.overrides.connect_s)
        try:
            built = self._client.build_request(
                request.method, self._reach(url), content=body, headers=headers, timeout=timeout
            )
            if request.cookies is not None:
                request.cookies.set_cookie_header(built)
            response = await self._client.send(built, stream=True)
            try:
                if request.cookies is not None:
                    request.cookies.extract_cookies(response)
                return await _read(response, signature), _location(response, request.url)
            finally:
                await response.aclose()
        except (httpx.ConnectError, httpx.ConnectTimeout):
            return Answer(error=CONNECT_FAILED, signature=signature), None
        except (httpx.HTTPError, httpx.InvalidURL, ValueError):
            return Answer(error=FETCH_FAILED, signature=signature), None


@dataclass(frozen=True, slots=True)
class _Request:
    url: str
    method: str
    params: Mapping[str, str]
    cookies: httpx.Cookies | None
    signature: str | None
    idempotency_token: str
    overrides: Overrides

    def signed(self, token: str) -> tuple[str, bytes | None, str]:
        """The address, the body and the signature."""
        if self.method == "POST":
            right = sign(token, signed_url(self.url), self.params)
            return self.url, urlencode(self.params).encode(), self.signature or right
        url = _with_query(self.url, self.params)
        return url, None, self.signature or sign(token, signed_url(url))

    def redirected(self, location: str, status: int) -> "_Request":
        """The next request: 307 and 308 repeat this one, others become a GET without parameters."""
        keeps = status in (307, 308)
        return _Request(
            location,
            self.method if keeps else "GET",
            self.params if keeps else {},
            self.cookies,
            self.signature,
            self.idempotency_token,
            self.overrides,
        )


def document(answer: Answer) -> Document:
    """The TwiML of an answer, judged as Twilio judges it."""
    text = answer.body.decode(errors="replace")
    if answer.error is not None:
        return Document(error=answer.error, text=text)
    if answer.content_type not in XML_TYPES:
        return Document(error=BAD_CONTENT_TYPE, text=text)
    try:
        return Document(parse(answer.body), text=text)
    except TwimlInvalid as exc:
        return Document(error=exc.code, text=str(exc))


async def _read(response: httpx.Response, signature: str) -> Answer:
    body = bytearray()
    async for chunk in response.aiter_bytes():
        body.extend(chunk)
        if len(body) > MAX_BYTES:
            return Answer(response.status_code, error=TOO_LARGE, signature=signature)
    content_type = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    error = None if response.is_success else FETCH_FAILED
    return Answer(response.status_code, bytes(body), content_type, error, signature)


def _location(response: httpx.Response, url: str) -> str | None:
    location = response.headers.get("location")
    return urljoin(url, location) if response.is_redirect and location else None


def _bare(url: str) -> str:
    return urlunsplit(urlsplit(url)._replace(fragment=""))


def _with_query(url: str, params: Mapping[str, str]) -> str:
    if not params:
        return url
    parts = urlsplit(url)
    query = "&".join(part for part in (parts.query, urlencode(params)) if part)
    return urlunsplit(parts._replace(query=query))


def _idempotency_token() -> str:
    return secrets.token_hex(16)
