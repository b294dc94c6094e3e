"""``<Enqueue>`` and ``<Leave>``: a caller waits in a queue, and is told and played something meanwhile.

https://www.twilio.com/docs/voice/twiml/enqueue
"""

from gateway.emulators.twilio import twiml_prompts
from gateway.emulators.twilio.call import Interrupted
from gateway.emulators.twilio.call_terms import Order, Source
from gateway.emulators.twilio.outbox import Post
from gateway.emulators.twilio.queues import Queue
from gateway.emulators.twilio.records import CallStatus, EndedBy
from gateway.emulators.twilio.twiml import Verb
from gateway.emulators.twilio.twiml_stage import Stage, Step

SCHEMA_WARNING = 12200
LONGEST_NAME = 64
LEAST_S = 0.1
"""A wait document that takes no time is not asked for again before: it would go round and round."""


async def enqueue(stage: Stage, verb: Verb) -> Step:
    """Wait in the queue; then go on with ``action`` or the next verb."""
    stage.call.log("Enqueue", verb.attributes, verb.text)
    queue = stage.services.queues.named(verb.text[:LONGEST_NAME])
    if queue.full:
        return _after(stage, verb, {"QueueResult": "queue-full"})
    queue.join(stage.call)
    try:
        result = await _wait(stage, verb, queue)
        params = _left(stage, queue, result)
    except Interrupted:
        _tell_interrupted(stage, verb, queue)
        raise
    finally:
        queue.leave(stage.call)
    stage.call.tell("left the queue", result)
    return EndedBy.TWIML if result == _HUNG_UP else _after(stage, verb, params)


_HUNG_UP = "hung up by TwiML"


def _left(stage: Stage, queue: Queue, result: str) -> dict[str, str]:
    time_s = str(queue.time_s(stage.call))
    return {"QueueResult": result, "QueueSid": queue.sid, "QueueTime": time_s}


def _after(stage: Stage, verb: Verb, params: dict[str, str]) -> Step:
    action = verb.get("action")
    return stage.action(action, verb.get("method", "POST"), params) if action else None


def _tell_interrupted(stage: Stage, verb: Verb, queue: Queue) -> None:
    """Tell ``action`` of a caller who was taken out from outside; what it answers is of no use any more."""
    action = verb.get("action")
    if not action:
        return
    order: Order | None = stage.call.order
    if isinstance(order, Source):
        params = _left(stage, queue, "redirected")
    else:
        params = _left(stage, queue, "hangup") | {"CallStatus": CallStatus.COMPLETED.value}
    method = verb.get("method", "POST").upper()
    stage.outbox.put(Post("action", stage.absolute(action), method, {**stage.outbox.standard(), **params}))


async def _wait(stage: Stage, verb: Verb, queue: Queue) -> str:
    """Run the wait document over and over; say how the waiting ended."""
    url = verb.get("waitUrl")
    if not url:  # Twilio's own music
        await stage.call.rest(twiml_prompts.FOREVER_S)
    start = Source(stage.absolute(url), verb.get("waitUrlMethod", "POST").upper(), {}, "wait")
    source = start
    while True:
        began = stage.call.now
        params = {**source.params, **queue.params(stage.call)}
        page = await stage.fetch(Source(source.url, source.method, params, source.purpose))
        if page.error is not None:
            return "error"
        step = await _play(stage, source, page.verbs)
        if isinstance(step, str):
            return step
        source = step or start
        await stage.call.rest(max(0.0, LEAST_S - (stage.call.now - began)))


async def _play(stage: Stage, source: Source, verbs: tuple[Verb, ...]) -> Source | str | None:
    """Run one wait document: how the waiting ended, another document, or ``None`` at its end."""
    here = stage.at(source)
    for verb in verbs:
        stage.call.check()
        match verb.name:
            case "Say" | "Play" | "Pause":
                await twiml_prompts.perform(here, verb)
            case "Gather":
                step = await twiml_prompts.gather(here, verb)
                if isinstance(step, Source):
                    return step
            case "Redirect":
                stage.call.log(verb.name, verb.attributes, verb.text)
                return here.action(verb.text or source.url, verb.get("method", "POST"), {}, "wait")
            case "Leave":
                stage.call.log(verb.name)
                return "leave"
            case "Hangup":
                stage.call.log(verb.name)
                return _HUNG_UP
            case _:
                stage.call.complain(SCHEMA_WARNING, f"<{verb.name[:40]}> can't be done while waiting")
    return None
