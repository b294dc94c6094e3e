"""The API of outbound calls: placed, ended, transferred."""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from math import ceil
from typing import Annotated, Final

import msgspec
from pydantic import Field, JsonValue, WrapValidator

from gateway.policy.machine import Mode
from gateway.policy.quota import Limit
from gateway.services.dial_request import (
    DURATION_S,
    LARGEST_METADATA,
    LONGEST_MESSAGE,
    LONGEST_PROMPT,
    MOST_VARIABLES,
    RING_S,
    DialDraft,
)
from gateway.services.dial_terms import CallNotLive, CallUnknown, LimitReached, RequestRefused
from gateway.services.dialling import Accepted, Dialler, Idempotency
from gateway.store.errors import KeyReused
from gateway.store.identifiers import CallId
from gateway.store.records import Via
from gateway.web.api.endpoint import (
    Answer,
    AnyEndpoint,
    Ask,
    Body,
    Endpoint,
    Header,
    Nothing,
    Params,
    Reply,
)
from gateway.web.api.fields import identifier, one_reason
from gateway.web.api.problem import FieldError, Kind, Problem, invalid, not_found
from gateway.web.api.scopes import Scope
from gateway.web.api.trouble import with_remedy

_GROUP: Final = "Calls"
_CALL: Final = "/v1/calls/{call_id}"
_KEY: Final = "idempotency-key"
_PERSON: Final = "+14155550199"
_AGENT: Final = "8f0e7d52-5b0a-4a3c-9f43-0d1f6c1f2a10"
_IDEMPOTENCY: Final = Header(
    "Idempotency-Key",
    "Your name for this request, good for a day. Sent again with the same body it gets the same answer, and "
    "nobody is called a second time.",
    example="order-4711-reminder",
)
_REPLAYED: Final = Header("Idempotent-Replayed", "`true`: an earlier request has asked for this call.")

_VALUE: Final = "must be a text of at most 2000 characters, a number, true or false"
Written = Annotated[str, Field(min_length=1, max_length=40)]
Id = Annotated[str, Field(min_length=1, max_length=100)]
Value = Annotated[
    Annotated[str, Field(max_length=2000)] | bool | int | float, WrapValidator(one_reason(_VALUE))
]


class CallPath(Params):
    """One call."""

    call_id: str = Field(pattern=identifier("call"), description="The call.")


class NewCallBody(Body):
    """A call that is to be placed."""

    to: Written = Field(description="Whom to call, in international form.", examples=[_PERSON])
    from_: Written | None = Field(
        None, alias="from", description="One of the account's numbers; the settings' one by default."
    )
    agent_id: Id | None = Field(
        None, description="The agent that speaks; the number's by default.", examples=[_AGENT]
    )
    version_id: Id | None = Field(
        None, description="A published version of the agent; its active one by default."
    )
    first_message: str | None = Field(
        None,
        min_length=1,
        max_length=LONGEST_MESSAGE,
        description="What the agent says first. It may have places for values.",
        examples=["Hello {{name|there}}, this is the library."],
    )
    prompt: str | None = Field(
        None,
        min_length=1,
        max_length=LONGEST_PROMPT,
        description="Instead of the agent's own instructions. It may have places for values.",
    )
    variables: dict[Id, Value] = Field(
        {},
        max_length=MOST_VARIABLES,
        description="Values for the places, by name.",
        examples=[{"name": "Ada"}],
    )
    via: Via = Field(
        Via.GATEWAY, description="`gateway`: Twilio, bridged here. `vatel`: a number of the agent's at Vatel."
    )
    machine_detection: Mode = Field(Mode.OFF, description="What to do when a machine picks up.")
    message: str | None = Field(
        None, min_length=1, max_length=LONGEST_MESSAGE, description="What is said to a machine."
    )
    ring_timeout: int | None = Field(
        None, ge=RING_S[0], le=RING_S[1], description="How long it rings, in seconds; 30 by default."
    )
    max_duration: int | None = Field(
        None, ge=DURATION_S[0], le=DURATION_S[1], description="The longest call, in seconds."
    )
    send_digits: str | None = Field(
        None,
        pattern=r"^[0-9A-D#*wW]{1,32}$",
        description="Keys pressed once it is answered; `w` waits half a second.",
    )
    metadata: dict[str, JsonValue] = Field(
        {}, description=f"Yours: given back with the call and its events. At most {LARGEST_METADATA} bytes."
    )
    callback_url: str | None = Field(
        None, min_length=1, max_length=2048, description="Where the events of this call go as well."
    )

    def draft(self) -> DialDraft:
        """The request as the dialler knows it."""
        return DialDraft(**{name: getattr(self, name) for name in type(self).model_fields})


class TransferBody(Body):
    """Whom to connect a call to."""

    to: Written = Field(description="A number in international form.", examples=[_PERSON])


class AcceptedAnswer(Answer):
    """A call that will be placed."""

    id: str = Field(description="The call; see `GET /v1/calls/{call_id}` for how it goes on.")
    status: str = Field(description="Always `queued`.", examples=["queued"])
    via: Via = Field(description="Who carries it.")
    to: str = Field(description="Whom it goes to, as it is dialled.", examples=[_PERSON])
    from_: str | None = Field(
        serialization_alias="from", description="Our number; null via Vatel.", examples=["+14155550100"]
    )
    agent_id: str = Field(description="The agent that speaks.", examples=[_AGENT])
    created_at: datetime = Field(description="When it was asked for.")

    @classmethod
    def of(cls, accepted: Accepted) -> "AcceptedAnswer":
        """The answer, which is the same whenever it is given."""
        plan = accepted.plan
        return cls(
            id=plan.call_id,
            status="queued",
            via=plan.via,
            to=plan.to,
            from_=plan.from_ if plan.via is Via.GATEWAY else None,
            agent_id=plan.agent_id,
            created_at=accepted.created_at,
        )


class Outbound:
    """The endpoints of outbound calls."""

    def __init__(self, dialler: Dialler, draining: Callable[[], bool] = lambda: False) -> None:
        self._dialler = dialler
        self._draining = draining

    def endpoints(self) -> list[AnyEndpoint]:
        """The table."""
        return [
            Endpoint(
                "POST", "/v1/calls", "place_call", "Place a call", Scope.CALLS_DIAL, self.place,
                body=NewCallBody, answer=AcceptedAnswer, status=201,
                problems=(Kind.CONFLICT, Kind.REFUSED, Kind.VENDOR), headers=(_IDEMPOTENCY,),
                answer_headers=(_REPLAYED,), group=_GROUP,
                description="Everything is checked first; what is refused is neither dialled nor kept. The "
                "call leaves in its turn, and is placed once at most, whatever fails.",
            ),
            Endpoint(
                "POST", f"{_CALL}/hangup", "hang_up_call", "End a call", Scope.CALLS_DIAL, self.hang_up,
                path_values=CallPath, problems=(Kind.NOT_FOUND, Kind.CONFLICT, Kind.VENDOR), group=_GROUP,
                description="A call that waits is never placed; one that rings stops ringing.",
            ),
            Endpoint(
                "POST", f"{_CALL}/transfer", "transfer_call", "Connect a call to a person",
                Scope.CALLS_DIAL, self.transfer, path_values=CallPath, body=TransferBody, status=204,
                problems=(Kind.NOT_FOUND, Kind.CONFLICT, Kind.REFUSED), group=_GROUP,
                description="If nobody takes it, the agent has the call back. The rules are those for calls.",
            ),
        ]  # fmt: skip

    async def place(self, ask: Ask[Nothing, Nothing, NewCallBody]) -> Reply:
        """Place a call."""
        if self._draining():
            raise Problem(
                Kind.UNAVAILABLE,
                "This process is about to stop; send it again.",
                headers={"Retry-After": "5"},
            )
        key = ask.headers.get(_KEY)
        idempotency = Idempotency(key, _digest(ask.raw_body)) if key else None
        with _problems():
            accepted = await self._dialler.place(ask.body.draft(), ask.caller.key_id, idempotency)
        headers = {"Location": f"/v1/calls/{accepted.plan.call_id}"}
        if accepted.replayed:
            headers["Idempotent-Replayed"] = "true"
        return Reply(AcceptedAnswer.of(accepted), headers)

    async def hang_up(self, ask: Ask[CallPath, Nothing, Nothing]) -> None:
        """End a call."""
        with _problems():
            await self._dialler.hang_up(CallId(ask.path.call_id))

    async def transfer(self, ask: Ask[CallPath, Nothing, TransferBody]) -> None:
        """Transfer a call."""
        with _problems():
            await self._dialler.transfer(CallId(ask.path.call_id), ask.body.to)


def _digest(body: bytes) -> str:
    """What tells one body from another: its values, whatever their order and the blanks between them."""
    with suppress(msgspec.MsgspecError, OverflowError, UnicodeError):  # what other readers of JSON let pass
        body = msgspec.json.encode(msgspec.json.decode(body), order="sorted")
    return hashlib.sha256(body).hexdigest()


@contextmanager
def _problems() -> Iterator[None]:
    """Say as problems what dialling raises of its own."""
    try:
        yield
    except RequestRefused as error:
        raise invalid(error.field, str(error), error.code) from None
    except LimitReached as error:
        wait = str(max(1, ceil(error.retry_after_s)))
        whose = "to" if error.limit == Limit.DESTINATION else "key"
        limit = FieldError(field=whose, reason=str(error), code=error.limit)
        detail = f"{error}; the call may be placed in {wait} s."
        raise Problem(Kind.THROTTLED, detail, errors=[limit], headers={"Retry-After": wait}) from None
    except KeyReused as error:
        reused = FieldError(field="Idempotency-Key", reason=str(error), code="reused")
        raise Problem(Kind.CONFLICT, with_remedy(error), errors=[reused]) from None
    except CallUnknown:
        raise not_found("call") from None
    except CallNotLive as error:
        raise Problem(Kind.CONFLICT, f"{error}.") from None
