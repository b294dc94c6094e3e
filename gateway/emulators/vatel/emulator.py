"""The Vatel emulator: the service's REST endpoints and sessions on a loopback port, with a scripted agent."""

import asyncio
import functools
import time
import uuid
from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Any, Final, Self

import structlog
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket

from gateway.emulators.server import LoopbackServer
from gateway.emulators.vatel import rest
from gateway.emulators.vatel.account import (
    DEFAULT_AGENT_ID,
    DEFAULT_API_KEY,
    Account,
    Agent,
    Token,
    agents_by_id,
)
from gateway.emulators.vatel.agent import ScriptedAgent
from gateway.emulators.vatel.behaviour import Behaviour, nth
from gateway.emulators.vatel.pulse import Pulse
from gateway.emulators.vatel.records import (
    HEARD_LIMIT_BYTES,
    DialOutcome,
    DialRequest,
    PhoneCall,
    SessionRecord,
    TokenRequest,
)
from gateway.emulators.vatel.rest.http import checked_uuid, on_http_exception, refusal
from gateway.emulators.vatel.script import Manual, Script, load
from gateway.emulators.vatel.session import Session
from gateway.emulators.voice import SAMPLE_RATE

MESSAGE_LIMIT_BYTES: Final = 4 * 1024 * 1024
SESSIONS_LIMIT: Final = 10_000

log = structlog.get_logger(__name__)


class VatelEmulator:
    """The emulated service, while the context lasts.

    Args:
        script: What the agent does: for every session, or one each (the last serves the rest). Without one,
            the demonstration's.
        behaviour: How the service misbehaves, likewise. It may be changed later, for sessions to come.
        api_key: The organization's key.
        agents: The organization's agents, or their ids.
        foreign_agents: Ids of another organization's agents.
        twilio_accounts: Twilio account tokens by SID from which numbers can be imported; empty: any.
        outcome: What becomes of outbound calls: of all, or one each (the last serves the rest). It may be
            changed later, for calls to come.
        webrtc_url: The media server that tokens for WebRTC name; empty: there is no WebRTC.
        heard_s: How much of the caller's audio each session keeps, in seconds; at most 600.
        port: TCP port; 0 takes a free one.

    Attributes:
        sessions: What is known of each session, newest last.
        live: The sessions that are open.
        on_event: Called with each event as it happens: kind and detail.
        admit: Asked at each handshake with what its token was asked for with: an HTTP status to refuse it
            with, or 0.

    """

    def __init__(
        self,
        *,
        script: Script | Manual | Sequence[Script | Manual] | None = None,
        behaviour: Behaviour | Sequence[Behaviour] = Behaviour(),  # noqa: B008  # frozen
        api_key: str = DEFAULT_API_KEY,
        agents: Collection[Agent | str] = (DEFAULT_AGENT_ID,),
        foreign_agents: Collection[str] = (),
        twilio_accounts: Mapping[str, str] | None = None,
        outcome: DialOutcome | Sequence[DialOutcome] = DialOutcome(),  # noqa: B008  # frozen
        webrtc_url: str = "",
        heard_s: float = 600.0,
        port: int = 0,
    ) -> None:
        self.script = load() if script is None else script
        self.behaviour = behaviour
        self.outcome = outcome
        self.sessions: list[SessionRecord] = []
        self.live: list[Session] = []
        self.on_event: Callable[[str, dict[str, Any]], None] | None = None
        self.admit: Callable[[TokenRequest], int] = lambda _: 0
        self._heard_limit = min(int(heard_s * SAMPLE_RATE) * 2, HEARD_LIMIT_BYTES)
        self._opened = 0
        self._refused = 0
        self._joined: deque[Session] = deque(maxlen=SESSIONS_LIMIT)
        self._pulse = Pulse()
        self._stack = AsyncExitStack()
        self.account = Account(
            api_key=api_key,
            agents=agents_by_id(agents),
            foreign_agents=frozenset(foreign_agents),
            twilio_accounts=dict(twilio_accounts or {}),
            sessions=self.sessions,
            behaviour=self._behaviour,
            notify=self._happened,
            outcome=self._outcome,
            webrtc_url=webrtc_url,
        )
        self.server = LoopbackServer(self._app(), port=port, ws_max_size=MESSAGE_LIMIT_BYTES)

    @property
    def url(self) -> str:
        """The base address for ``VATEL_BASE_URL``."""
        return self.server.url

    @property
    def api_key(self) -> str:
        """The organization's key."""
        return self.account.api_key

    @property
    def token_requests(self) -> list[TokenRequest]:
        """What session tokens were asked for with, refused or not, newest last."""
        return list(self.account.token_requests)

    @property
    def dials(self) -> list[DialRequest]:
        """The outbound calls that were accepted, newest last."""
        return list(self.account.dials)

    @property
    def phone_calls(self) -> list[PhoneCall]:
        """The same calls as they go on, newest last."""
        return list(self.account.phone_calls)

    async def __aenter__(self) -> Self:
        await self._stack.enter_async_context(self.server)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    async def wait_for(self, condition: Callable[[], object], timeout_s: float = 5.0) -> None:
        """Wait until the condition holds; it is asked whenever something happens.

        Raises:
            TimeoutError: It does not hold after so many seconds; the message says what happened last.

        """
        if not await self._pulse.until(condition, timeout_s):
            last = self.sessions[-1].kinds()[-10:] if self.sessions else ["no session"]
            raise TimeoutError(f"not within {timeout_s:g} s; last: {', '.join(last)}")

    async def joined(self, timeout_s: float = 5.0) -> Session:
        """The next session that was opened, in order, each once; for those who drive sessions themselves.

        Raises:
            TimeoutError: None was opened for so many seconds.

        """
        await self.wait_for(lambda: self._joined, timeout_s)
        return self._joined.popleft()

    def _app(self) -> Starlette:
        socket = WebSocketRoute("/v1/connection", self._connect)
        return Starlette(
            routes=[socket, *rest.routes(self.account)], exception_handlers={HTTPException: on_http_exception}
        )

    def _behaviour(self) -> Behaviour:
        """How the next session, and the token for it, are treated."""
        plan = self.behaviour
        return nth(plan if isinstance(plan, Sequence) else (plan,), self._opened)

    def _outcome(self, number: int) -> DialOutcome:
        plan = self.outcome
        return nth(plan if isinstance(plan, Sequence) else (plan,), number)

    def _happened(self, kind: str, detail: dict[str, Any]) -> None:
        # Audio has no kind: it wakes those who wait, and is not worth telling.
        if kind and self.on_event is not None:
            self.on_event(kind, detail)
        self._pulse.beat()

    async def _connect(self, websocket: WebSocket) -> None:
        behaviour = self._behaviour()
        await asyncio.sleep(behaviour.connect_delay_s)
        try:
            token = self._admit(websocket, behaviour)
        except HTTPException as exc:
            self._happened("connection_refused", {"status": exc.status_code})
            await websocket.send_denial_response(refusal(exc.status_code, exc.detail))
            return
        self.account.spend(token)
        await websocket.accept()
        await self._serve(websocket, token, behaviour)

    def _admit(self, websocket: WebSocket, behaviour: Behaviour) -> Token:
        """The token this handshake brings.

        Raises:
            HTTPException: The handshake is refused.

        """
        if behaviour.connection_refused(self._refused):
            self._refused += 1
            raise HTTPException(behaviour.refuse_connection, "emulated")
        query = websocket.query_params
        if not query.get("token"):
            raise HTTPException(400, "token is required")
        agent_id = checked_uuid(query.get("agentId", ""), "agentId")
        version_id = query.get("versionId")
        if version_id is not None:
            version_id = checked_uuid(version_id, "versionId")
        token = self.account.valid(query["token"], time.monotonic())
        if token is None:
            raise HTTPException(401, "invalid session token")
        if agent_id not in self.account.agents | dict.fromkeys(self.account.foreign_agents):
            raise HTTPException(404, "agent not found")
        if agent_id != token.request.agent_id:
            raise HTTPException(403, "the token is for another agent")
        if status := self.admit(token.request):
            raise HTTPException(status, "emulated")
        return token

    async def _serve(self, websocket: WebSocket, token: Token, behaviour: Behaviour) -> None:
        plan = nth(self.script if isinstance(self.script, Sequence) else (self.script,), self._opened)
        self._opened += 1
        now = asyncio.get_running_loop().time()
        record = SessionRecord(
            id=str(uuid.uuid4()),
            agent_id=token.request.agent_id,
            token_request=token.request,
            token=token.value,
            opened_at=now,
            heard_limit=self._heard_limit,
        )
        session = Session(websocket, record, behaviour, plan, self._happened)
        self._remember(session)
        try:
            await session.run(_actor(plan, session))
        except* Exception as group:  # the edge of a session: a fault in one must not reach the others
            record.end_reason = f"the emulator failed: {group.exceptions[0]!r}"
            log.exception("emulated session failed", session_id=record.id)
        finally:
            record.ended, record.ended_at = True, time.time()
            self.live.remove(session)
            session.note("closed", reason=record.end_reason)

    def _remember(self, session: Session) -> None:
        self.sessions.append(session.record)
        del self.sessions[:-SESSIONS_LIMIT]
        self.live.append(session)
        self._joined.append(session)
        session.note("opened", agent_id=session.record.agent_id)


def _actor(plan: Script | Manual, session: Session) -> Any:
    if isinstance(plan, Script):
        return ScriptedAgent(plan, session).run
    return _nothing if plan.act is None else functools.partial(plan.act, session)


async def _nothing() -> None:
    """Leave the session to its owner."""
