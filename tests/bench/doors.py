"""The doors under attack while calls are live: ``python -m tests.bench.doors [--calls N --seed N]``.

A gateway process carries calls; this one forges, races, floods and injects. Printed is how many of each
passed, and what the gateway measured of its calls' delay meanwhile, from its own /metrics.
"""

import argparse
import asyncio
import itertools
import random
import re
import sys
from collections import Counter
from xml.etree import ElementTree as ET

import httpx
import uvloop

from gateway.ids import E164
from gateway.wire import twiml
from tests.integration import doors_attack as attack
from tests.integration.gateway_audio import speak, words
from tests.integration.gateway_hand import Hand
from tests.integration.gateway_process import Site, gateway_process
from tests.integration.gateway_rig import NUMBER, Conversation
from tests.unit.egress_tricks import tricks

KEY = "a-key-of-the-first-operator"
WHSEC = "whsec_dGVzdC1zZWNyZXQtb2YtdGhlLWdhdGV3YXk="
ODD = "<>&\"'\r\n\t]\x00\x0b\x1f\x7f\ufffe\uffff\ud800\udfff\u202eé你📞a "
PIECES = ["]]>", "<Dial>", "</Say><Hangup/>", "<!--", "&lt;", "<?xml", "<!DOCTYPE x>", "&#0;", "%3C"]
_BUCKET = re.compile(
    r'^vatel_gateway_added_delay_(?:up|down)_seconds_bucket\{le="([^"]+)"\} ([0-9.e+]+)$', re.M
)
LATE_S = 0.02
BEARABLE = 230
"""Slow connections at a time: 200, and those that just came."""


class Delays:
    """What the gateway measured of its calls' delay since the last look."""

    def __init__(self, hand: Hand) -> None:
        self._hand = hand
        self._before: dict[float, float] = {}

    async def look(self) -> str:
        """Messages since, and how many of them took more than 20 ms."""
        text = (await self._hand.http.get(f"{self._hand.url}/metrics")).text
        now: dict[float, float] = {}
        for bound, count in _BUCKET.findall(text):
            now[float(bound)] = now.get(float(bound), 0.0) + float(count)
        new = {bound: now[bound] - self._before.get(bound, 0.0) for bound in now}
        self._before = now
        every = new[float("inf")]
        late = every - new[LATE_S]
        return f"{every:.0f} messages of calls, {late:.0f} above 20 ms ({100 * late / max(1.0, every):.2f} %)"


def hostile(chance: random.Random) -> str:
    """A string that nobody should put into a document."""
    letters = [
        chance.choice(ODD) if chance.random() < 0.8 else chr(chance.randrange(0x110000)) for _ in range(30)
    ]
    return "".join([*letters, chance.choice(PIECES), *letters])[: chance.randrange(1, 120)]


def documents(chance: random.Random, count: int) -> int:
    """Put hostile strings into every place of the documents; how many documents came out otherwise."""
    wanted = [
        ["Response", "Connect", "Stream", "Parameter", "Say", "Dial", "Say", "Hangup"],
        ["Response", "Dial", "Number"],
        ["Response", "Gather", "Say", "Hangup"],
        ["Response", "Say", "Hangup"],
    ]
    wrong = 0
    for _ in range(count):
        text = hostile(chance)
        made = [
            twiml.connect(text, text, text, twiml.fallback(text, text, E164(text))),
            twiml.dial(twiml.Person(E164(text), text, text, caller_id=E164(text))),
            twiml.whisper(text, text),
            twiml.say_and_hang_up(text),
        ]
        wrong += [[verb.tag for verb in ET.fromstring(each.encode()).iter()] for each in made] != wanted
    return wrong


async def addresses(site: Site, http: httpx.AsyncClient) -> Counter[str]:
    """Tricky addresses as callback of a call, and as lookup of a route; how they were answered."""
    answers: Counter[str] = Counter()
    headers = {"Authorization": f"Bearer {KEY}"}
    for number, url in enumerate(tricks()):
        if not url.isprintable() or "\ud800" in url:
            continue
        body = {"to": "+14155550123", "callback_url": url}
        if number % 2:
            answer = await http.put(
                f"{site.url}/v1/numbers/+14155550100/route", json={"lookup_url": url}, headers=headers
            )
        else:
            answer = await http.post(f"{site.url}/v1/calls", json=body, headers=headers)
        answers["refused" if 400 <= answer.status_code < 500 else f"answered {answer.status_code}"] += 1
        await asyncio.sleep(0.06)  # a key has its rate
    return answers


class Siege:
    """The attacks, one after the other, on one gateway."""

    def __init__(self, site: Site, hand: Hand, given: argparse.Namespace) -> None:
        self.site, self.hand, self.given = site, hand, given
        self.chance = random.Random(given.seed)
        self.delays = Delays(hand)

    async def say(self, text: str) -> None:
        """Print a result, and what became of the calls meanwhile."""
        print(f"{text}; {await self.delays.look()}", flush=True)

    async def admitted(self) -> float:
        """Calls that were let in so far."""
        text = (await self.hand.http.get(f"{self.site.url}/metrics")).text
        return float(text.partition("\nvatel_gateway_calls_admitted_total ")[2].split()[0])

    async def forge(self) -> bool:
        """Webhooks and upgrades that are not Twilio's."""
        before, count = await self.admitted(), self.given.webhooks
        answers = await attack.webhooks(self.hand, self.chance, count)
        passed = sum(n for (kind, status), n in answers.items() if kind != "genuine" and status != 403)
        taken, kinds = answers["genuine", 200], len({kind for kind, _ in answers}) - 1
        refused = answers.total() - count - passed
        await self.say(
            f"webhooks: {taken} of {count} genuine taken; {refused} of {count} forged, in {kinds} ways, "
            f"refused, {passed} passed"
        )
        shut = await attack.upgrades(self.hand, self.chance, self.given.upgrades)
        more = await self.admitted() - before
        await self.say(
            f"upgrades: {shut[403]} of {self.given.upgrades} forged refused; {more:.0f} calls let in"
        )
        return not passed and taken == count and dict(shut) == {403: self.given.upgrades} and not more

    async def race(self) -> bool:
        """Many sockets for each ticket, and each webhook again."""
        won = Counter([await attack.race(self.hand) for _ in range(self.given.races)])
        seen = await attack.replays(self.hand, self.given.races)
        await self.say(
            f"tickets: of {self.given.races} raced for by three sockets, {won[1]} let in exactly one; "
            f"webhooks sent again: {dict(seen)}"
        )
        good = {"same document": self.given.races, "over, and no stream": self.given.races}
        return dict(won) == {1: self.given.races} and dict(seen) == good

    async def break_frames(self) -> bool:
        """What RFC 6455 forbids, and what is too large."""
        memory = self.site.memory_kib()
        closed = [
            await attack.illegal(self.site.url, sent) == (code, False)
            for sent, code in attack.ILLEGAL.values()
        ]
        more = self.site.memory_kib() - memory
        await self.say(
            f"frames: {sum(closed)} of {len(closed)} illegal, oversize or packed ones closed their socket "
            f"with the code of the standard; {more} KiB more"
        )
        return all(closed)

    async def lead_astray(self) -> bool:
        """Addresses that lead inside."""
        asked = await addresses(self.site, self.hand.http)
        await self.say(f"addresses in calls and routes: {dict(asked)}")
        return set(asked) == {"refused"} and all(
            entry.to == NUMBER for entry in self.site.twilio.ledger.entries()
        )

    async def be_slow(self) -> bool:
        """Connections that take their time."""
        async with attack.slow_ones(self.site.url, self.given.slow) as open_still:
            took = sorted(await attack.steadily(self.hand, 4.0))
            soon = open_still()
            await asyncio.sleep(8.0)
            late = open_still()
            await self.say(
                f"slow connections: {self.given.slow} from 11 addresses; {soon} open after 4 s, {late} after "
                f"12 s; webhooks meanwhile p50 {took[len(took) // 2]:.1f} ms, max {took[-1]:.1f} ms"
            )
        return late == 0 and soon <= BEARABLE


async def talk_on(talks: list[Conversation]) -> None:
    """Have every agent speak again and again: one that says nothing would be replaced."""
    for number in itertools.count():
        for talk in talks:
            speak(talk.session, f"turn {number}", words(number, 1.5))
        await asyncio.sleep(2.0)


async def attacked(given: argparse.Namespace) -> bool:
    """Attack; whether all held."""
    settings = {"GATEWAY_API_KEY": KEY, "WEBHOOK_SECRET": WHSEC, "TWILIO_PHONE_NUMBER": "+14155550100"}
    async with (
        gateway_process(settings=settings) as site,
        httpx.AsyncClient(trust_env=False, timeout=20) as http,
        asyncio.TaskGroup() as tasks,
    ):
        siege = Siege(site, Hand(site.url, http), given)
        talks = [await site.conversation() for _ in range(given.calls)]
        talking = tasks.create_task(talk_on(talks))
        await siege.delays.look()
        await asyncio.sleep(5)
        await siege.say(f"seed {given.seed}, {given.calls} calls live, undisturbed")
        attacks = (siege.forge, siege.race, siege.break_frames, siege.lead_astray, siege.be_slow)
        good = [await each() for each in attacks]
        cut = sum(talk.call.status.final for talk in talks)
        print(f"calls cut: {cut} of {given.calls}")
        talking.cancel()
        await asyncio.gather(*(talk.call.hang_up() for talk in talks))
    wrong = documents(siege.chance, given.strings)
    print(
        f"TwiML: {given.strings} hostile strings in every place of four documents, {wrong} came out otherwise"
    )
    return all(good) and not cut and not wrong


def main() -> None:
    """Attack and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name, default in {
        "calls": 20,
        "seed": 20261125,
        "webhooks": 2000,
        "upgrades": 500,
        "races": 100,
        "slow": 300,
        "strings": 10_000,
    }.items():
        parser.add_argument(f"--{name}", type=int, default=default)
    sys.exit(not uvloop.run(attacked(parser.parse_args())))


if __name__ == "__main__":
    main()
