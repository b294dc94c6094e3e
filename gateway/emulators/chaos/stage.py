"""Everything a run needs: both emulators, a proxy for each link, and a gateway that knows only them."""

import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from gateway.emulators.chaos import process_faults
from gateway.emulators.chaos.actor import TOOL, Manner
from gateway.emulators.chaos.bystanders import STANDBY_NUMBER, Bystanders
from gateway.emulators.chaos.caller import CallPart
from gateway.emulators.chaos.cast import Cast
from gateway.emulators.chaos.introduction import introduce
from gateway.emulators.chaos.knocks import Door, Knock, knock
from gateway.emulators.chaos.node import Node
from gateway.emulators.chaos.process_faults import Blow
from gateway.emulators.chaos.proxy import ToxicProxy
from gateway.emulators.chaos.script import Injection, Link
from gateway.emulators.server import LoopbackServer
from gateway.emulators.twilio.detour import detour
from gateway.emulators.twilio.emulator import ACCOUNT_SID, AUTH_TOKEN, TwilioEmulator
from gateway.emulators.twilio.services import Conduct, DialOutcome, PhoneNumber
from gateway.emulators.vatel.account import DEFAULT_AGENT_ID, DEFAULT_API_KEY
from gateway.emulators.vatel.behaviour import Behaviour
from gateway.emulators.vatel.emulator import VatelEmulator
from gateway.emulators.vatel.hearing import Listening
from gateway.emulators.vatel.script import Manual

NUMBER: Final = "+14155550100"
HUMAN: Final = "+14155550199"
_SECRET: Final = "whsec_" + "b" * 44  # of nobody
KEY: Final = "key-of-a-gateway-of-the-chaos-kit"
_PERSON: Final = DialOutcome(after_s=0.3, talk_s=2.0)
_LISTENING: Final = Listening(silence_ms=300)


def caller_number(index: int) -> str:
    """Whose call it is."""
    return f"+1415556{index % 10_000:04d}"


@dataclass(frozen=True, slots=True)
class Plan:
    """How a stage is set.

    Attributes:
        manner: How agents take part.
        behaviour: How their service behaves.
        settings: Of the gateway, besides those that join it to the rest.
        nodes: How many gateways there are, behind one address.
        keep_alive: Whether webhooks share connections, where there is one gateway.
        calls: How many calls are placed where a scenario is one of many calls.
        vatel_port: Where the emulated Vatel is reached; 0 for any.
        twilio_port: Where the emulated Twilio is.
        url: Where a gateway is reached that runs already; its settings lead to these ports.
        public_url: That gateway's own address, as its requests are signed.

    """

    manner: Manner = field(default_factory=Manner)
    behaviour: Behaviour = field(default_factory=lambda: Behaviour(token_delay_s=0.3, start_delay_s=0.1))
    settings: Mapping[str, str] = field(default_factory=dict)
    nodes: int = 1
    keep_alive: bool = True
    calls: int = 1
    vatel_port: int = 0
    twilio_port: int = 0
    url: str = ""
    public_url: str = ""
    account_sid: str = ACCOUNT_SID
    auth_token: str = AUTH_TOKEN
    api_key: str = DEFAULT_API_KEY
    agent_id: str = DEFAULT_AGENT_ID
    number: str = NUMBER


@dataclass
class Stage:
    """A stage that is set."""

    plan: Plan
    twilio: TwilioEmulator
    vatel: VatelEmulator
    cast: Cast
    bystanders: Bystanders
    proxies: dict[Link, ToxicProxy]
    nodes: list[Node]
    balancer: "Balancer"

    def proxy(self, link: Link) -> ToxicProxy | None:
        """The proxy a link goes through."""
        return self.proxies.get(link)

    async def befall(self, injection: Injection, call: CallPart) -> list[str]:
        """Have something happen to the first gateway, or at its doors; what was wrong with that."""
        if injection.link is Link.DOORS:
            plan, public = self.plan, self.proxies[Link.CALLER].url
            door = Door(self.nodes[0].url, public, plan.auth_token, plan.account_sid)
            return await knock(Knock(injection.fault), door, call.placed)
        await process_faults.befall(self.nodes[0], Blow(injection.fault), injection.for_s)
        return []

    async def heal(self) -> None:
        """End all faults of all links, and those of the first gateway."""
        for proxy in {id(proxy): proxy for proxy in self.proxies.values()}.values():
            await proxy.heal()
        if self.nodes:
            await process_faults.undo(self.nodes[0])


class Balancer:
    """Which gateway a new connection goes to: those that take calls in turn, as health checks tell."""

    def __init__(self, ports: list[int]) -> None:
        self._ports = ports
        self._turn = 0
        self.healthy = set(ports)

    def __call__(self) -> int | None:
        """The next one; any, if none is healthy: it will say so itself."""
        able = [port for port in self._ports if port in self.healthy]
        if not able:
            return None
        self._turn += 1
        return able[self._turn % len(able)]

    async def check(self, nodes: list[Node]) -> None:
        """Ask every gateway whether it takes calls."""
        for node in nodes:
            if node.alive and await node.ready():
                self.healthy.add(node.port)
            else:
                self.healthy.discard(node.port)


@asynccontextmanager
async def set_stage(plan: Plan) -> AsyncIterator[Stage]:
    """Set a stage, and clear it in the end whatever happens.

    Raises:
        NodeFailed: A gateway did not start.

    """
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        script = Manual(hears=True, listening=_LISTENING)
        vatel = VatelEmulator(
            script=script, behaviour=plan.behaviour, api_key=plan.api_key, agents=[plan.agent_id], heard_s=120
        )
        await stack.enter_async_context(vatel)
        bystanders = Bystanders()
        helpers = await stack.enter_async_context(LoopbackServer(bystanders.app()))
        nodes = [Node(folder, {}, f"gateway-{number + 1}") for number in range(0 if plan.url else plan.nodes)]
        balancer = Balancer([node.port for node in nodes] or [urlsplit(plan.url).port or 80])
        calls = await stack.enter_async_context(ToxicProxy(balancer))
        twilio = await stack.enter_async_context(_twilio(plan, calls.url, helpers.url))
        cast = Cast(twilio, vatel, plan.manner)
        vatel.script = replace(script, act=cast.act)
        vatel.on_event = lambda kind, _detail: _opened(cast, vatel, kind)
        agents = ToxicProxy(vatel.server.port, port=plan.vatel_port)
        proxies = {
            Link.VATEL: await stack.enter_async_context(agents),
            Link.TWILIO: await stack.enter_async_context(
                ToxicProxy(_port(twilio.url), port=plan.twilio_port)
            ),
            Link.TOOLS: await stack.enter_async_context(ToxicProxy(helpers.port)),
            Link.EVENTS: await stack.enter_async_context(ToxicProxy(helpers.port)),
        }
        proxies |= {Link.AGENT: agents, Link.CALLER: calls, Link.WEBHOOKS: calls}
        stage = Stage(plan, twilio, vatel, cast, bystanders, proxies, nodes, balancer)
        for node in nodes:
            # One alone is reached where all are, and so through the proxy.
            alone = {} if len(nodes) == 1 else {"NODE_URL": node.url}
            node.settings = _settings(stage, folder) | alone
            stack.push_async_callback(node.end)
            node.launch()
        for node in nodes:
            await node.listening()
            await introduce(node, KEY, plan.number)
        yield stage


def _twilio(plan: Plan, calls_url: str, helpers_url: str) -> TwilioEmulator:
    """The emulated account, with a number that leads to the gateway, and to a static page when all fails."""
    base = plan.public_url or calls_url
    phone = PhoneNumber(
        voice_url=f"{base}/twilio/voice",
        status_callback=f"{base}/twilio/status",
        voice_fallback_url=f"{helpers_url}/standby",
    )
    return TwilioEmulator(
        account_sid=plan.account_sid,
        auth_token=plan.auth_token,
        numbers={plan.number: phone},
        dial={HUMAN: _PERSON, STANDBY_NUMBER: _PERSON},
        conduct=Conduct(reach=detour(base, calls_url), keep_alive=plan.keep_alive and plan.nodes == 1),
    )


def _opened(cast: Cast, vatel: VatelEmulator, kind: str) -> None:
    """A session is known from its opening on, not only once it has started."""
    if kind == "opened" and vatel.live:
        cast.opened(vatel.live[-1])


def _port(url: str) -> int:
    return urlsplit(url).port or 80


def _settings(stage: Stage, folder: Path) -> dict[str, str]:
    """What joins a gateway to the stage."""
    plan, proxies = stage.plan, stage.proxies
    config = folder / "tools.toml"
    config.write_text(
        f'[tools.{TOOL}]\nurl = "{proxies[Link.TOOLS].url}/tools/lookup"\n'
        f'timeout_s = 10\nsecret = "{_SECRET}"\n'
    )
    return {
        "PUBLIC_URL": proxies[Link.CALLER].url,
        "VATEL_API_KEY": plan.api_key,
        "VATEL_AGENT_ID": plan.agent_id,
        "VATEL_BASE_URL": proxies[Link.VATEL].url,
        "TWILIO_ACCOUNT_SID": plan.account_sid,
        "TWILIO_AUTH_TOKEN": plan.auth_token,
        "TWILIO_BASE_URL": proxies[Link.TWILIO].url,
        "FALLBACK_NUMBER": HUMAN,
        "APOLOGY": "We are sorry. Goodbye.",
        "GATEWAY_CONFIG": str(config),
        "DATABASE_URL": f"sqlite:///{folder}/gateway.db",
        "RECORDINGS_DIR": str(folder / "recordings"),
        "SPOOL_DIR": str(folder / "spool"),
        # The machine is shared with the emulators: what they take is no reason to let callers wait.
        "MAX_LATENESS_MS": "0",
        "PRIVATE_HOSTS": "127.0.0.1",
        "LOG_LEVEL": "warning",
        "GATEWAY_API_KEY": KEY,
        "WEBHOOK_URL": f"{proxies[Link.EVENTS].url}/events",
        "WEBHOOK_SECRET": _SECRET,
        **plan.settings,
    }
