"""The softphone: Twilio's part towards a running gateway, for one call."""

import asyncio
import contextlib
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from gateway.cli.caller import Caller, HangUp, Listen, Press, Say, Step
from gateway.cli.phone_report import Report
from gateway.cli.phone_timeline import Timeline
from gateway.emulators.twilio.call import Call, CallOver
from gateway.emulators.twilio.detour import detour
from gateway.emulators.twilio.emulator import TwilioEmulator
from gateway.emulators.twilio.records import Event
from gateway.emulators.twilio.services import Conduct, PhoneNumber

_ANSWER_S: Final = 30.0
_END_S: Final = 10.0


@dataclass(frozen=True, slots=True)
class Dialling:
    """Whom to call, as whom, and the way there.

    Attributes:
        account_sid: The account the gateway answers for.
        auth_token: What its requests are signed with.
        public_url: The address that is signed.
        url: Where the gateway is reached instead.
        from_: The number calling.
        to: The number called.
        rest_port: Where hang-ups and transfers are taken; 0 takes a free port.
        seconds: How long the call may last.

    """

    account_sid: str
    auth_token: str
    public_url: str
    url: str
    from_: str
    to: str
    rest_port: int
    seconds: float


def steps(say: Say | None, keys: str) -> tuple[Step, ...]:
    """The usual call: let the agent finish its greeting, say and press what is asked, hear the answer."""
    doing: list[Step] = [] if say is None else [say]
    if keys:
        doing.append(Press(keys=keys))
    answer = [Listen(silence_s=2.0, timeout_s=30.0)] if doing else []
    return (Listen(), *doing, *answer, HangUp())


async def place(dialling: Dialling, script: tuple[Step, ...], timeline: Timeline) -> Report:
    """Call, keep to the caller's script, and see the call to its end.

    Raises:
        ServerFailed: The port for hang-ups and transfers is taken.
        SoundUnusable: A sound file of the script can't be read.
    """
    base = dialling.public_url
    phone = PhoneNumber(voice_url=f"{base}/twilio/voice", status_callback=f"{base}/twilio/status")
    twilio = TwilioEmulator(
        account_sid=dialling.account_sid,
        auth_token=dialling.auth_token,
        numbers={dialling.to: phone},
        port=dialling.rest_port,
        conduct=Conduct(reach=detour(base, dialling.url)),
    )
    events: list[Event] = []

    def happened(event: Event) -> None:
        events.append(event)
        if event.kind != "key":  # the caller has told of keys, and hidden the digits
            timeline.event(event.at_s, event.kind, event.detail)

    twilio.on_event = happened
    caller = Caller(script, lambda what: happened(Event(twilio.now, "", "caller", what)))
    async with twilio:
        timeline.line(f"For hang-ups and transfers the gateway needs TWILIO_BASE_URL={twilio.url}")
        call = await twilio.call_in(dialling.to, dialling.from_)
        await _see_through(call, caller, dialling.seconds)
        vain, asked = tuple(caller.vain), bool(twilio.requests)
        return Report(call, tuple(events), vain, dialling.url, twilio.url, asked)


async def _see_through(call: Call, caller: Caller, seconds: float) -> None:
    """Conduct the call until the agent's side ends it, the caller does, or time is up."""
    with _hanging_up_on_signals(call):
        async with asyncio.TaskGroup() as tasks:
            talk = tasks.create_task(_talk(call, caller), name="softphone's caller")
            try:
                await call.wait_over(seconds)
            except TimeoutError:
                call.tell("caller", f"hangs up after {seconds:g} s")
                with contextlib.suppress(TimeoutError):
                    await call.hang_up(_END_S)
            talk.cancel()


async def _talk(call: Call, caller: Caller) -> None:
    with contextlib.suppress(CallOver, TimeoutError):
        await caller.talk(await call.stream(_ANSWER_S))


@contextlib.contextmanager
def _hanging_up_on_signals(call: Call) -> Iterator[None]:
    loop = asyncio.get_running_loop()
    signals = (signal.SIGINT, signal.SIGTERM)
    for number in signals:
        loop.add_signal_handler(number, call.give_up)
    try:
        yield
    finally:
        for number in signals:
            loop.remove_signal_handler(number)
