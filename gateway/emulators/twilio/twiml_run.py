"""Fetches a call's TwiML and executes it, verb by verb (https://www.twilio.com/docs/voice/twiml)."""

from gateway.emulators.twilio import twiml_dial, twiml_prompts, twiml_queue, twiml_stream
from gateway.emulators.twilio.call import Call, Interrupted
from gateway.emulators.twilio.call_terms import Source
from gateway.emulators.twilio.outbox import Outbox, Post
from gateway.emulators.twilio.records import CallStatus, Direction, EndedBy
from gateway.emulators.twilio.services import Services
from gateway.emulators.twilio.twiml import TwimlInvalid, Verb, parse
from gateway.emulators.twilio.twiml_stage import Stage, Step
from gateway.emulators.twilio.webhooks import Document, document

MAX_DOCUMENTS = 200
SCHEMA_WARNING = 12200
LOOP = 11215
WHISPERED = frozenset({"Say", "Play", "Gather", "Pause", "Hangup", "Redirect"})


class Run:
    """Executes the TwiML of one call.

    Args:
        call: The call.
        services: What the emulator shares.
        outbox: Sends the call's requests.

    """

    def __init__(self, call: Call, services: Services, outbox: Outbox) -> None:
        self._call = call
        self._services = services
        self._outbox = outbox
        self.reject: CallStatus | None = None
        self.hung_up = False

    async def run(self, source: Source) -> EndedBy:
        """Execute documents one after another; say what ended the last of them.

        Raises:
            Interrupted: Somebody broke in on the call.

        """
        for _ in range(MAX_DOCUMENTS):
            page = await self._page(source)
            if page is None:
                # A caller hears an apology at this point: https://www.twilio.com/docs/api/errors/11200
                self._call.log("ApplicationError")
                self._answer()
                return EndedBy.APPLICATION_ERROR
            source, verbs = page
            step = await self._execute(source, verbs)
            if isinstance(step, EndedBy):
                return step
            source = step
        self._call.complain(LOOP, "the TwiML runs in circles")
        return EndedBy.APPLICATION_ERROR

    async def _page(self, source: Source) -> tuple[Source, tuple[Verb, ...]] | None:
        """A document, or the fallback's in its place, and where it came from; None if neither is of use."""
        first = await self._fetch(source)
        if first.error is None:
            return source, first.verbs
        fallback = self._call.fallback
        if fallback is None or not fallback.url:
            return None
        params = {"ErrorCode": str(first.error), "ErrorUrl": source.url}
        instead = Source(fallback.url, fallback.method, params, "fallback")
        second = await self._fetch(instead)
        return (instead, second.verbs) if second.error is None else None

    async def _fetch(self, source: Source) -> Document:
        if source.twiml is not None:
            try:
                return Document(parse(source.twiml))
            except TwimlInvalid as exc:
                self._call.complain(exc.code, str(exc))
                return Document(error=exc.code, text=str(exc))
        params = {**self._outbox.standard(), **source.params}
        post = Post(source.purpose, source.url, source.method, params)
        answer = await self._call.race(self._outbox.send(post))
        page = document(answer)
        if page.error is not None and answer.error is None:
            self._call.complain(page.error, f"{source.url}: {page.text[:200]}")
        return page

    async def _execute(self, source: Source, verbs: tuple[Verb, ...]) -> Source | EndedBy:
        stage = Stage(self._call, self._services, self._outbox, source, self._whisper, self._fetch)
        for verb in verbs:
            self._call.check()
            if not _keeps_ringing(verb):
                self._answer()
            step = await self._perform(stage, verb)
            if step is not None:
                return step
        self._answer()
        return EndedBy.TWIML

    async def _whisper(self, leg: Call, source: Source) -> bool:
        """Run what a called person hears before being connected; say whether they may be.

        https://www.twilio.com/docs/voice/twiml/number#url
        """
        run = Run(leg, self._services, Outbox(leg, self._services))
        async with leg.tasks:
            try:
                by = await run.run(source)
            except Interrupted:
                return False
        return by is EndedBy.TWIML and not run.hung_up

    def _answer(self) -> None:
        if self._call.status is CallStatus.RINGING:
            self._outbox.move(CallStatus.IN_PROGRESS)

    async def _perform(self, stage: Stage, verb: Verb) -> Step:
        second = self._call.parties.direction is Direction.OUTBOUND_DIAL
        if second and verb.name not in WHISPERED:
            stage.call.complain(SCHEMA_WARNING, f"<{verb.name[:40]}> can't be whispered")
            return None
        match verb.name:
            case "Connect":
                return await twiml_stream.connect(stage, verb)
            case "Dial":
                return await twiml_dial.dial(stage, verb)
            case "Gather":
                return await twiml_prompts.gather(stage, verb)
            case "Record":
                return await twiml_prompts.record(stage, verb)
            case "Say" | "Play" | "Pause":
                await twiml_prompts.perform(stage, verb)
                return None
            case "Enqueue":
                return await twiml_queue.enqueue(stage, verb)
            case _:
                return await self._turn(stage, verb)

    async def _turn(self, stage: Stage, verb: Verb) -> Step:
        """Verbs that go elsewhere or end the call, and those that are only written down."""
        stage.call.log(verb.name, verb.attributes, verb.text)
        match verb.name:
            case "Redirect":
                url = verb.text or stage.source.url
                return stage.action(url, verb.get("method", "POST"), {}, "redirect")
            case "Hangup":
                self.hung_up = True
                return EndedBy.TWIML
            case "Reject":
                busy = verb.get("reason") == "busy"
                self.reject = CallStatus.BUSY if busy else CallStatus.NO_ANSWER
                return EndedBy.REJECT
            case "Leave":
                stage.call.complain(SCHEMA_WARNING, "<Leave>, and the caller is in no queue")
            case "Start" | "Stop":
                stage.call.complain(SCHEMA_WARNING, f"<{verb.name}> is written down, not carried out")
            case _:
                stage.call.complain(SCHEMA_WARNING, f"<{verb.name[:40]}> is not a verb")
        return None


def _keeps_ringing(verb: Verb) -> bool:
    """Whether a verb does not answer an inbound call (https://www.twilio.com/docs/voice/twiml/reject)."""
    if verb.name == "Dial":
        return verb.get("answerOnBridge").lower() == "true"
    return verb.name == "Reject"
