"""Calls that are placed, from the request to the record: who answered, what was heard, how it ended."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway.emulators.twilio.call import Call
from gateway.emulators.twilio.people import Callee, Machine, Outcome
from gateway.emulators.twilio.services import DialOutcome
from gateway.emulators.vatel.behaviour import Behaviour
from gateway.emulators.vatel.script import Listen, Say, Script
from tests.integration.gateway_rig import HUMAN, NUMBER, Rig, anyio_backend, running_gateway, until, verbs
from tests.integration.test_records import everything

pytestmark = pytest.mark.anyio
__all__ = ["anyio_backend"]
CALLEE = "+14155550177"
KEY = "key-of-the-first-operator"
GREETING = Script(steps=(Say(text="Hello, this is the clinic."), Listen(timeout_s=30)))


@dataclass
class Desk:
    """An operator at the API."""

    rig: Rig
    http: httpx.AsyncClient

    async def place(self, **more: Any) -> str:
        """Ask for a call; its name."""
        answer = await self.http.post("/v1/calls", json={"to": CALLEE} | more)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    async def show(self, call_id: str) -> dict[str, Any]:
        """The record of a call."""
        records = self.rig.gateway.parts.keeping
        assert records is not None
        assert await records.journal.flush(5)
        answer = await self.http.get(f"/v1/calls/{call_id}")
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    async def call(self) -> Call:
        """Twilio's end of the call that was placed."""
        await until(lambda: self.rig.twilio.calls)
        return self.rig.twilio.calls[0]

    async def ended(self, call_id: str) -> dict[str, Any]:
        """The record of a call once it is over."""
        await (await self.call()).wait_over(20)
        return await self.settled(call_id)

    async def settled(self, call_id: str) -> dict[str, Any]:
        """The record of a call that is over, as soon as it says so."""
        for _ in range(200):
            shown = await self.show(call_id)
            if shown["ended_at"] and shown["ending"]:
                return shown
        raise AssertionError(shown)

    async def happened(self, call_id: str, kind: str) -> list[dict[str, Any]]:
        """The events of a kind in a call, once there are any."""
        for _ in range(200):
            answer = await self.http.get(f"/v1/calls/{call_id}/events")
            if found := [event for event in answer.json()["events"] if event["kind"] == kind]:
                return found
            await asyncio.sleep(0.05)
        raise AssertionError(answer.text)


@asynccontextmanager
async def desk(
    folder: Path,
    callee: Callee,
    *,
    script: Script = GREETING,
    settings: Mapping[str, Any] | None = None,
    **more: Any,
) -> AsyncIterator[Desk]:
    """A gateway that may call somebody who behaves as scripted."""
    chosen = {
        "database_url": f"sqlite:///{folder}/gateway.db",
        "spool_dir": folder / "spool",
        "recordings_dir": folder / "recordings",
        "gateway_api_key": KEY,
        "twilio_phone_number": NUMBER,
        "dial_rate": 20,
    } | dict(settings or {})
    async with running_gateway(
        script=script, settings=chosen, callees={CALLEE: callee}, keep=True, **more
    ) as rig:
        headers = {"Authorization": f"Bearer {KEY}"}
        async with httpx.AsyncClient(base_url=rig.url, headers=headers, trust_env=False) as http:
            yield Desk(rig, http)


async def test_a_call_that_is_answered_hears_the_agent_at_once(tmp_path: Path) -> None:
    slow = Behaviour(token_delay_s=0.4, connect_delay_s=0.3)
    async with desk(tmp_path, Callee(after_s=2.0), behaviour=slow) as at:
        name = await at.place()
        call = await at.call()
        line = await call.stream()
        await line.wait_heard(0.5)
        await call.hang_up()
        shown = await at.ended(name)
    assert shown["first_audio_ms"] < 400  # one after the other it would be 700 and more
    assert (shown["direction"], shown["status"], shown["ending"]) == (
        "outbound",
        "completed",
        "caller_hung_up",
    )
    assert (shown["from"], shown["to"]) == (NUMBER, CALLEE)


@pytest.mark.parametrize(
    ("callee", "status"),
    [
        (Callee(Outcome.BUSY, 0.3), "busy"),
        (Callee(Outcome.NO_ANSWER, 0.3), "no_answer"),
        (Callee(Outcome.FAILED, 0.3, sip_code=503), "failed"),
        (Callee(Outcome.CANCELED, 0.3), "canceled"),
    ],
)
async def test_a_call_that_nobody_takes_leaves_a_record_and_no_session(
    tmp_path: Path, callee: Callee, status: str
) -> None:
    async with desk(tmp_path, callee) as at:
        shown = await at.ended(await at.place(ring_timeout=5))
        assert (shown["status"], shown["ending"], shown["answered_at"]) == (status, status, None)
        await until(lambda: not at.rig.vatel.live)


async def test_a_machine_is_hung_up_on(tmp_path: Path) -> None:
    callee = Callee(after_s=0.2, answered_by="machine_start", amd_after_s=1.0)
    async with desk(tmp_path, callee) as at:
        shown = await at.ended(await at.place(machine_detection="hang_up"))
    assert (shown["ending"], shown["ended_by"], shown["answered_by"]) == (
        "machine",
        "gateway",
        "machine_start",
    )


async def test_a_message_is_left_after_the_beep_and_known_to_be_whole(tmp_path: Path) -> None:
    callee = Callee(after_s=0.2, machine=Machine(greeting_s=2.0))
    async with desk(tmp_path, callee) as at:
        name = await at.place(machine_detection="leave_message", message="Please call the clinic back.")
        shown = await at.ended(name)
        answer = await at.http.get(f"/v1/calls/{name}/transcript")
        last = answer.json()["turns"][-1]
    assert (shown["ending"], shown["ended_by"]) == ("message_left", "gateway")
    assert (last["turn_id"], last["heard_text"]) == ("announcement", "Please call the clinic back.")
    assert not last["cut"]
    assert last["proved_ms"] == last["spoken_ms"] > 0


async def test_a_call_is_hung_up_by_request(tmp_path: Path) -> None:
    async with desk(tmp_path, Callee(after_s=0.2)) as at:
        name = await at.place()
        await (await (await at.call()).stream()).wait_heard(0.3)
        assert (await at.http.post(f"/v1/calls/{name}/hangup")).status_code in (200, 202, 204)
        shown = await at.ended(name)
    assert (shown["ending"], shown["ended_by"]) == ("hung_up", "api")


@pytest.mark.parametrize(
    ("person", "status", "speed"),
    [
        (DialOutcome(after_s=0.1, talk_s=0.3), "completed", 1.0),
        (DialOutcome(Outcome.BUSY, after_s=0.1), "busy", 1.0),
        (DialOutcome(Outcome.NO_ANSWER, after_s=0.1), "no-answer", 8.0),
    ],
)
async def test_a_call_is_transferred_by_request_and_what_came_of_it_is_known(
    tmp_path: Path, person: DialOutcome, status: str, speed: float
) -> None:
    async with desk(tmp_path, Callee(after_s=0.2), dial={HUMAN: person}, speed=speed) as at:
        name = await at.place()
        await (await (await at.call()).stream()).wait_heard(0.3)
        answer = await at.http.post(f"/v1/calls/{name}/transfer", json={"to": HUMAN})
        assert answer.status_code in (200, 202, 204), answer.text
        if status != "completed":  # the caller is back with the agent
            await at.happened(name, "call_resumed")
            await at.http.post(f"/v1/calls/{name}/hangup")
        shown = await at.ended(name)
        over = await at.happened(name, "transfer_over")
    ending = ("transferred", "transfer") if status == "completed" else ("hung_up", "api")
    assert (shown["ending"], shown["ended_by"]) == ending
    assert [event["data"]["status"] for event in over] == [status]


async def test_a_process_that_is_about_to_stop_places_no_new_calls(tmp_path: Path) -> None:
    async with desk(tmp_path, Callee()) as at:
        at.rig.gateway.registry.begin()
        answer = await at.http.post("/v1/calls", json={"to": CALLEE})
        listed = (await at.http.get("/v1/calls")).json()["calls"]
    assert (answer.status_code, answer.headers["retry-after"], listed) == (503, "5", [])


@pytest.mark.parametrize(
    ("setting", "limit", "longest_s"),
    [
        ("key_calls_at_once", "concurrent", 5),
        ("key_calls_per_minute", "per_minute", 60),
        ("key_calls_per_day", "per_day", 86_400),
        ("number_calls_per_hour", "destination", 3600),
    ],
)
async def test_each_limit_is_a_setting_and_says_when_to_come_again(
    tmp_path: Path, setting: str, limit: str, longest_s: int
) -> None:
    async with desk(tmp_path, Callee(after_s=30), settings={setting: 1}) as at:
        name = await at.place()
        answer = await at.http.post("/v1/calls", json={"to": CALLEE})
        await at.call()
        assert (await at.http.post(f"/v1/calls/{name}/hangup")).is_success
        await at.ended(name)
        again = await at.http.post("/v1/calls", json={"to": CALLEE})
        if again.is_success:
            await at.http.post(f"/v1/calls/{again.json()['id']}/hangup")
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (429, limit)
    assert longest_s - 20 <= (wait_s := int(answer.headers["retry-after"])) <= longest_s
    assert answer.json()["detail"] == f"the limit {limit} is reached; the call may be placed in {wait_s} s."
    assert answer.json()["errors"][0]["field"] == ("to" if limit == "destination" else "key")
    assert again.is_success == (limit == "concurrent")


async def test_keys_to_press_are_kept_until_the_call_is_placed_and_no_longer(tmp_path: Path) -> None:
    async with desk(tmp_path, Callee(after_s=0.2, hang_up_after_s=1.0)) as at:
        name = await at.place(send_digits="w4711#")
        await at.ended(name)
        stored = await everything(at.rig)
        asked = [each.get("SendDigits") for each in at.rig.twilio.requests]
    assert "w4711#" in asked
    assert "******" in stored
    assert "4711" not in stored


async def test_a_call_that_rings_is_cancelled_by_request(tmp_path: Path) -> None:
    async with desk(tmp_path, Callee(after_s=30)) as at:
        name = await at.place()
        call = await at.call()
        await until(lambda: call.status.value == "ringing")
        assert (await at.http.post(f"/v1/calls/{name}/hangup")).status_code in (200, 202, 204)
        shown = await at.ended(name)
    assert shown["status"] == "canceled"
    assert shown["answered_at"] is None


async def test_twilios_ledger_and_our_records_agree_call_by_call(tmp_path: Path) -> None:
    people = {
        f"+1415555017{digit}": callee
        for digit, callee in enumerate(
            [
                Callee(after_s=0.1, hang_up_after_s=0.5),
                Callee(Outcome.BUSY, 0.1),
                Callee(Outcome.FAILED, 0.1, sip_code=503),
                Callee(after_s=0.1, answered_by="machine_start", amd_after_s=0.3),
                Callee(after_s=0.3, hang_up_after_s=0.2),
            ]
        )
    }
    async with desk(tmp_path, Callee()) as at:
        at.rig.twilio.callees.update(people)
        names = {
            number: await at.place(to=number, machine_detection="hang_up", ring_timeout=5)
            for number in people
        }
        await until(lambda: len(at.rig.twilio.calls) == len(people))
        for call in list(at.rig.twilio.calls):
            await call.wait_over(20)
        shown = {number: await at.settled(name) for number, name in names.items()}
        ledger = {entry.to: entry for entry in at.rig.twilio.ledger.entries()}
        listed = (await at.http.get("/v1/calls", params={"direction": "outbound"})).json()["calls"]
    assert ledger.keys() == people.keys() == {call["to"] for call in listed}
    for number, entry in ledger.items():
        record = shown[number]
        assert (record["call_sid"], record["status"]) == (entry.sid, entry.status.value.replace("-", "_"))
        assert record["from"] == entry.from_
        assert (record["answered_at"] is None) == (entry.started is None)


async def test_who_is_recorded_hears_so_before_anything_else(tmp_path: Path) -> None:
    async with desk(tmp_path, Callee(after_s=0.2, hang_up_after_s=4.0)) as at:
        route = {"recording": True, "recording_notice": "This call is recorded."}
        assert (await at.http.put(f"/v1/numbers/{NUMBER}/route", json=route)).is_success
        name = await at.place()
        shown = await at.ended(name)
        for _ in range(100):
            shown = await at.show(name)
            if shown["recording_state"] == "kept":
                break
        call = await at.call()
        sound = await at.http.get(f"/v1/calls/{name}/recording")
    assert verbs(call)[:2] == ["Say", "Connect"]
    assert shown["recording_state"] == "kept"
    assert sound.content.startswith(b"RIFF")
