"""The webhook doors: every refusal comes before anything is asked of Vatel."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlencode

import httpx
import pytest

from gateway.emulators.twilio.emulator import ACCOUNT_SID, AUTH_TOKEN
from gateway.emulators.twilio.signature import HEADER, sign
from gateway.web.app import build
from tests.integration.gateway_hand import FORM, Hand, call_form, new_call_sid, ticket_of
from tests.integration.gateway_rig import Rig, anyio_backend, running_gateway, settings_for, until

pytestmark = pytest.mark.anyio
__all__ = ["anyio_backend"]
VOICE = "/twilio/voice"
WAIT = {"stream_timeout_s": 0.4}


@asynccontextmanager
async def doors(**more: float) -> AsyncIterator[tuple[Rig, Hand]]:
    async with running_gateway(limits=WAIT | more) as rig, Hand.at(rig) as hand:
        yield rig, hand


def nothing_happened(rig: Rig) -> bool:
    return (
        not rig.vatel.token_requests and rig.gateway.registry.idle and not rig.metric("calls_admitted_total")
    )


async def test_a_request_without_the_right_signature_is_refused_and_learns_nothing() -> None:
    async with doors() as (rig, hand):
        form = call_form(new_call_sid())
        https = sign(AUTH_TOKEN, f"{hand.url}{VOICE}".replace("http:", "https:"), form)
        slash = sign(AUTH_TOKEN, f"{hand.url}{VOICE}/", form)
        stranger = sign("another-token", f"{hand.url}{VOICE}", form)
        other_door = sign(AUTH_TOKEN, f"{hand.url}/twilio/status", form)
        wrong: list[str | bytes] = ["", "x" * 28, b"\xff", https, slash, stranger, other_door]
        for signature in wrong:
            answer = await hand.post(VOICE, form, signature=signature)
            assert (answer.status_code, answer.text) == (403, "refused\n"), signature
        assert nothing_happened(rig)
        assert rig.refused(VOICE, "signature") == 7
        told = [line for line in rig.log if line["event"] == "request refused"]
        assert {(line["reason"], line["source"]) for line in told} == {("signature", "127.0.0.1")}


@pytest.mark.parametrize("path", [VOICE, "/twilio/status", "/twilio/stream-status", "/twilio/transfer"])
async def test_every_webhook_asks_for_the_signature(path: str) -> None:
    async with doors() as (rig, hand):
        assert (await hand.post(path, call_form(new_call_sid()), signature="no")).status_code == 403
        assert rig.refused(path, "signature") == 1


async def test_one_byte_changed_anywhere_is_one_too_many() -> None:
    async with doors() as (rig, hand):
        form = call_form(new_call_sid())
        right = sign(AUTH_TOKEN, f"{hand.url}{VOICE}", form)
        for name in form:
            forged = form | {name: form[name] + "0"}
            assert (await hand.post(VOICE, forged, signature=right)).status_code == 403, name
        dropped = {name: value for name, value in form.items() if name != "CallerName"} | {"Extra": "1"}
        assert (await hand.post(VOICE, dropped, signature=right)).status_code == 403
        assert nothing_happened(rig)


async def test_another_account_is_refused_though_it_signs_rightly() -> None:
    async with doors() as (rig, hand):
        form = call_form(new_call_sid(), AccountSid="AC" + "f" * 32)
        assert (await hand.post(VOICE, form)).status_code == 403
        assert (nothing_happened(rig), rig.refused(VOICE, "account")) == (True, 1)


async def test_a_trailing_slash_is_no_door_and_sends_nobody_elsewhere() -> None:
    async with doors() as (rig, hand):
        answer = await hand.http.post(f"{hand.url}{VOICE}/", headers={"host": "evil.example"})
        assert (answer.status_code, "location" in answer.headers) == (404, False)
        assert nothing_happened(rig)


async def test_bodies_that_are_no_small_form_are_refused() -> None:
    async with doors() as (rig, hand):
        form = call_form(new_call_sid())
        large = form | {"Padding": "x" * 20_000}
        assert (await hand.post(VOICE, large)).status_code == 400
        many = form | {f"Field{number}": "1" for number in range(1000)}
        assert (await hand.post(VOICE, many)).status_code == 400
        for body in [b"CallSid=%ff%fe", b"CallSid=\xff", b"\x00", b"a" * 15_000]:
            assert (await hand.post(VOICE, form, body=body)).status_code in (400, 403), body
        for kind in ["multipart/form-data; boundary=x", "application/json", "text/plain", ""]:
            assert (await hand.post(VOICE, form, content_type=kind)).status_code == 415, kind
        assert nothing_happened(rig)


async def test_a_body_that_never_ends_is_neither_kept_nor_read_on() -> None:
    async with doors() as (rig, hand):
        reader, writer = await asyncio.open_connection("127.0.0.1", int(hand.url.rpartition(":")[2]))
        writer.write(f"POST {VOICE} HTTP/1.1\r\nHost: x\r\nContent-Type: {FORM}\r\n".encode())
        writer.write(b"Content-Length: 100000000\r\n\r\n" + b"a=" + b"x" * 20_000)
        async with asyncio.timeout(2):
            answer = await reader.read()
        writer.close()
        assert (answer.split()[1], nothing_happened(rig)) == (b"400", True)


async def test_other_methods_and_paths_are_no_doors() -> None:
    async with doors() as (rig, hand):
        for method in ["GET", "PUT", "DELETE", "HEAD"]:
            assert (await hand.http.request(method, f"{hand.url}{VOICE}")).status_code == 405
        assert (await hand.http.get(f"{hand.url}/twilio/media")).status_code == 404
        assert (await hand.http.get(f"{hand.url}/")).status_code == 404
        assert nothing_happened(rig)


async def test_a_form_that_names_no_call_is_refused_though_it_is_signed() -> None:
    async with doors() as (rig, hand):
        for sid in ["", "CA123", "CA" + "F" * 32, "MZ" + "0" * 32, "CA" + "0" * 33]:
            assert (await hand.post(VOICE, call_form(sid))).status_code == 400
        assert nothing_happened(rig)


async def test_a_host_header_changes_neither_the_signed_address_nor_the_labels() -> None:
    async with doors() as (rig, hand):
        form = call_form(new_call_sid())
        for host in ["evil.example", "a/b", "x?y", "[::1", "evil.example:1/twilio"]:
            headers = {"content-type": FORM, HEADER: "no", "host": host}
            answer = await hand.http.post(f"{hand.url}{VOICE}", content=urlencode(form), headers=headers)
            assert answer.status_code in (400, 403), host
        doors_named = {
            sample.labels["door"]
            for metric in rig.gateway.metrics.doors.collect()
            for sample in metric.samples
        }
        assert doors_named == {VOICE}


async def test_a_repeated_webhook_gets_the_same_document_and_no_second_session() -> None:
    async with running_gateway() as rig, Hand.at(rig) as hand:
        sid = new_call_sid()
        answers = await asyncio.gather(*(hand.post(VOICE, call_form(sid)) for _ in range(5)))
        assert len({answer.text for answer in answers}) == 1
        ticket = ticket_of(answers[0].text)
        async with hand.stream(sid, ticket) as socket:
            await rig.vatel.joined()
            again = await hand.post(VOICE, call_form(sid, CallStatus="in-progress"))
            assert again.text == answers[0].text
            assert len(rig.gateway.registry._tickets) == 0
            await socket.send('{"event":"stop","stop":{}}')
            await until(lambda: rig.gateway.registry.idle)
        after = await hand.post(VOICE, call_form(sid))
        assert "<Hangup" in after.text
        assert "Stream" not in after.text
        assert (len(rig.vatel.token_requests), rig.metric("calls_admitted_total")) == (1, 1)


async def test_status_callbacks_may_come_twice_late_and_in_any_order() -> None:
    async with running_gateway() as rig, Hand.at(rig) as hand:
        sid = new_call_sid()
        for of, status in [(new_call_sid(), "completed"), (sid, "ringing")]:  # of calls nobody knows
            assert (await hand.post("/twilio/status", call_form(of, CallStatus=status))).status_code == 200
        ticket = await hand.voice(sid)
        async with hand.stream(sid, ticket):
            for status in ["in-progress", "initiated", "ringing", "in-progress", "nonsense", ""]:
                await hand.post("/twilio/status", call_form(sid, CallStatus=status))
            await rig.vatel.joined()
            assert not rig.gateway.registry.idle
            for status in ["completed", "completed", "in-progress", "completed"]:
                answer = await hand.post("/twilio/status", call_form(sid, CallStatus=status))
                assert answer.status_code == 200
            await until(lambda: rig.gateway.registry.idle)
        assert rig.metric("calls_ended_total", ending="caller_hung_up", by="caller") == 1


async def test_a_call_whose_end_is_told_before_its_beginning_is_not_carried() -> None:
    async with running_gateway() as rig, Hand.at(rig) as hand:
        sid = new_call_sid()
        await hand.post("/twilio/status", call_form(sid, CallStatus="canceled"))
        for _ in range(2):  # Twilio repeats a request whose answer it did not get
            answer = await hand.post(VOICE, call_form(sid))
            assert (answer.status_code, "<Stream" in answer.text) == (200, False)
        again = await hand.post("/twilio/after?h=0&c=0", call_form(sid, CallStatus="in-progress"))
        assert "<Hangup" in again.text
        assert nothing_happened(rig)
        assert rig.metric("calls_refused_total", reason="over") == 2


async def test_a_stream_that_failed_ends_its_call_at_once() -> None:
    async with running_gateway() as rig, Hand.at(rig) as hand:
        sid = new_call_sid()
        await hand.voice(sid)
        form = {"AccountSid": ACCOUNT_SID, "CallSid": sid, "StreamSid": "MZ" + "0" * 32}
        await hand.post("/twilio/stream-status", form | {"StreamEvent": "stream-started"})
        assert not rig.gateway.registry.idle
        await hand.post(
            "/twilio/stream-status", form | {"StreamEvent": "stream-error", "StreamError": "31920"}
        )
        await until(lambda: rig.gateway.registry.idle, 1)
        assert rig.metric("calls_ended_total", ending="stream_lost", by="carrier") == 1


async def test_a_gateway_that_fails_still_gives_the_caller_somebody_to_talk_to() -> None:
    loopback = "http://127.0.0.1:1"
    broken = build(
        settings_for(loopback, loopback, loopback, {}), keep=False
    ).app  # its lifespan was never begun
    async with httpx.AsyncClient(transport=httpx.ASGITransport(broken), base_url=loopback) as http:
        answer = await Hand(loopback, http).post(VOICE, call_form(new_call_sid()))
    assert (answer.status_code, "<Dial" in answer.text, "<Stream" in answer.text) == (200, True, False)


async def test_a_full_gateway_sends_the_caller_on() -> None:
    async with (
        running_gateway(settings={"max_calls": 1, "queue_max": 0}, limits=WAIT) as rig,
        Hand.at(rig) as hand,
    ):
        await hand.voice(new_call_sid())
        refused = await hand.post(VOICE, call_form(new_call_sid()))
        assert ("<Dial" in refused.text, "<Stream" in refused.text) == (True, False)
        assert (len(rig.vatel.token_requests) <= 1, rig.metric("calls_refused_total", reason="full")) == (
            True,
            1,
        )
        assert (await hand.http.get(f"{hand.url}/readyz")).status_code == 503
