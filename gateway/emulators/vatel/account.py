"""The emulated organization: its agents, numbers and session tokens."""

import secrets
import time
import uuid
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gateway.emulators.vatel.behaviour import Behaviour
from gateway.emulators.vatel.records import DialOutcome, DialRequest, PhoneCall, SessionRecord, TokenRequest

TOKEN_LIFE_S = 60.0
TOKENS_LIMIT = 10_000
REMEMBERED = 10_000
MOST_RESOURCES = 1_000
"""How many agents, numbers, trunks and assignments there may be, of each."""

DEFAULT_API_KEY = "vatel-emulator-key"
DEFAULT_AGENT_ID = "8f0e7d52-5b0a-4a3c-9f43-0d1f6c1f2a10"


@dataclass(frozen=True, slots=True, kw_only=True)
class Agent:
    """An agent of the organization; ``phone_number_id`` names the imported number it dials from.

    ``settings`` are those of its fields in the API that the emulator has no use for; the times are in seconds
    since 1970, and by default those of the organization.
    """

    id: str
    name: str = "Demo agent"
    active: bool = True
    phone_number_id: str = ""
    prompt: str = "You are the demonstration agent."
    first_message: str = "Hello, this is the Vatel demo agent. How can I help you?"
    settings: Mapping[str, Any] = field(default_factory=dict, hash=False)
    created_at: float | None = None
    updated_at: float | None = None


@dataclass(frozen=True, slots=True)
class Token:
    """A session token: for one connection, to one agent, for a minute."""

    value: str
    request: TokenRequest
    expires_at: float


@dataclass(slots=True, kw_only=True)
class Account:
    """Everything the REST endpoints and the handshake share.

    Attributes:
        api_key: The organization's key.
        agents: The organization's agents, by id.
        foreign_agents: Agents of another organization.
        twilio_accounts: Tokens of the Twilio accounts that numbers can be imported from, by SID; empty: any.
        sessions: All sessions, oldest first.
        behaviour: What the service does at this moment.
        notify: Told of everything that happens: kind and detail.
        token_requests: What tokens were asked for with, refused or not, oldest first.
        dials: Outbound calls that were accepted.
        numbers: Imported numbers, as the API shows them, by id.
        bad_tokens: How many token requests were answered badly, as the behaviour says.
        bad_answers: How many other requests were.
        outcome: What becomes of the outbound call of this number, counted from 0.
        dialled: How many calls were dialled.
        phone_calls: The outbound calls, oldest first.
        published: When versions were published, by id; an agent's first one always was.
        trunks: SIP trunks, as the API shows them, by id.
        assignments: The places of agents on trunks, as the API shows them, by id.
        webrtc_url: The media server's address that tokens for WebRTC name; empty: there is none.

    """

    api_key: str
    agents: dict[str, Agent]
    foreign_agents: frozenset[str]
    twilio_accounts: Mapping[str, str]
    sessions: Sequence[SessionRecord]
    behaviour: Callable[[], Behaviour]
    notify: Callable[[str, dict[str, Any]], None]
    outcome: Callable[[int], DialOutcome]
    webrtc_url: str = ""
    organization_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    created_at: float = field(default_factory=time.time)
    token_requests: deque[TokenRequest] = field(default_factory=lambda: deque(maxlen=REMEMBERED))
    dials: deque[DialRequest] = field(default_factory=lambda: deque(maxlen=REMEMBERED))
    numbers: dict[str, dict[str, Any]] = field(default_factory=dict)
    bad_tokens: int = 0
    bad_answers: int = 0
    dialled: int = 0
    phone_calls: deque[PhoneCall] = field(default_factory=lambda: deque(maxlen=REMEMBERED))
    published: dict[str, float] = field(default_factory=dict)
    trunks: dict[str, dict[str, Any]] = field(default_factory=dict)
    assignments: dict[str, dict[str, Any]] = field(default_factory=dict)
    tokens: dict[str, Token] = field(default_factory=dict, repr=False)

    def issue(self, request: TokenRequest, now: float) -> Token:
        """Make a token for this request."""
        self.tokens = {value: token for value, token in self.tokens.items() if token.expires_at > now}
        while len(self.tokens) >= TOKENS_LIMIT:
            del self.tokens[next(iter(self.tokens))]
        token = Token(secrets.token_urlsafe(24), request, now + TOKEN_LIFE_S)
        self.tokens[token.value] = token
        return token

    def valid(self, value: str, now: float) -> Token | None:
        """The token of this value, if it can still open a connection."""
        token = self.tokens.get(value)
        return token if token is not None and now < token.expires_at else None

    def spend(self, token: Token) -> None:
        """Use a token up."""
        self.tokens.pop(token.value, None)


def agents_by_id(agents: Iterable[Agent | str]) -> dict[str, Agent]:
    """Agents, made of their ids where need be."""
    made = [agent if isinstance(agent, Agent) else Agent(id=agent) for agent in agents]
    return {agent.id: agent for agent in made}
