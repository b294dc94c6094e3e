"""What the API of numbers takes and gives."""

from dataclasses import asdict
from typing import Annotated, Final

from pydantic import BaseModel, Field, SecretStr

from gateway.clients.twilio.values import Routing
from gateway.clients.vatel.numbers import Number as Imported
from gateway.services.number_connect import Connected
from gateway.services.number_list import Listed, Listing, Missing, Side
from gateway.services.number_routing import Place
from gateway.services.number_rules import (
    LONGEST_CALL_S,
    LONGEST_LABEL,
    LONGEST_NOTICE,
    MOST_AGENTS,
    MOST_TOOLS,
    MOST_TRANSFER_NUMBERS,
    SHORTEST_CALL_S,
    RouteDraft,
)
from gateway.store import numbers as store
from gateway.store.tidy import LONGEST_TEXT
from gateway.web.api.endpoint import Answer, Body, Params
from gateway.web.api.fields import PhoneNumber

_OURS: Final = ["+14155550100"]
_PERSON: Final = "+14155550199"
_AGENT: Final = "8f0e7d52-5b0a-4a3c-9f43-0d1f6c1f2a10"
_OTHER_AGENT: Final = "2b1d6f0e-91c4-4a57-8a7e-6d0c5f3b9e44"
_ACCOUNT: Final = "AC00000000000000000000000000000001"
_LABEL: Final = "What people call it."

Id = Annotated[str, Field(min_length=1, max_length=100)]
Written = Annotated[str, Field(min_length=1, max_length=40)]
Text = Annotated[str, Field(min_length=1, max_length=LONGEST_TEXT)]
Weight = Annotated[int, Field(ge=0, le=1_000_000)]


class NumberPath(Params):
    """One of our numbers."""

    number: PhoneNumber = Field(description="The number in international form; + may be %2B.")


class ImportBody(Body):
    """A number of a Twilio account, to be known at Vatel."""

    number: PhoneNumber = Field(description="The number in international form.")
    account_sid: str | None = Field(
        None,
        pattern=r"^AC[0-9a-f]{32}$",
        description="The Twilio account it belongs to; the gateway's own by default.",
        examples=[_ACCOUNT],
    )
    auth_token: SecretStr | None = Field(
        None,
        min_length=1,
        max_length=200,
        description="That account's primary auth token; not needed for the gateway's own. "
        "It goes to Vatel in one request, and is neither stored nor logged nor answered.",
    )
    label: str = Field("", max_length=LONGEST_LABEL, description=_LABEL, examples=["Sales"])


class LabelBody(Body):
    """What to call a number."""

    label: str = Field(
        max_length=LONGEST_LABEL,
        description="What people call it; empty takes the label away here.",
        examples=["Sales"],
    )


class DisconnectQuery(Params):
    """How to disconnect a number."""

    force: bool = Field(
        False, description="Restore what was there before, whoever takes the number's calls now."
    )


class _RouteFields(BaseModel):
    """How a number is answered. What is null is as the settings or the agent have it."""

    agent_id: Id | None = Field(None, description="The agent that answers.", examples=[_AGENT])
    version_id: Id | None = Field(
        None, description="A published version of that agent; its active one by default."
    )
    first_message: Text | None = Field(
        None,
        description="What the agent says first. It may have places for values, as may the prompt.",
        examples=["Hello {{first_name|there}}, how can I help you?"],
    )
    prompt: Text | None = Field(
        None,
        description="The prompt, instead of the agent's own.",
        examples=["You answer questions about orders."],
    )
    fallback_number: Written | None = Field(
        None, description="The person callers get when no agent can be had.", examples=[_PERSON]
    )
    transfer_numbers: tuple[Written, ...] | None = Field(
        None,
        max_length=MOST_TRANSFER_NUMBERS,
        description="Numbers the agent may transfer to; an empty list is none.",
        examples=[[_PERSON]],
    )
    tools: tuple[Id, ...] | None = Field(
        None,
        max_length=MOST_TOOLS,
        description="Names of the tools the agent may use; null is all, an empty list none.",
        examples=[["lookup_order"]],
    )
    max_duration_s: int | None = Field(
        None,
        ge=SHORTEST_CALL_S,
        le=LONGEST_CALL_S,
        description="The longest call, in seconds.",
        examples=[1800],
    )
    recording: bool = Field(False, description="Whether calls are recorded.")
    recording_notice: str | None = Field(
        None,
        min_length=1,
        max_length=LONGEST_NOTICE,
        description="What callers hear before they are recorded; needed where calls are.",
        examples=["This call is recorded."],
    )
    lookup_url: str | None = Field(
        None,
        min_length=1,
        max_length=2048,
        description="Who is asked about a caller before the agent answers: an https address.",
        examples=["https://crm.example.com/callers"],
    )
    weights: dict[Id, Weight] | None = Field(
        None,
        min_length=1,
        max_length=MOST_AGENTS,
        description="Several agents instead of `agent_id`, and each one's part of the calls.",
        examples=[{_AGENT: 3, _OTHER_AGENT: 1}],
    )


class RouteBody(_RouteFields, Body):
    """How a number is to be answered. What is left out is as the settings or the agent have it."""

    def draft(self) -> RouteDraft:
        """As the service takes it."""
        return RouteDraft(**{name: getattr(self, name) for name in type(self).model_fields})


class RouteAnswer(_RouteFields, Answer):
    """How a number is answered, where that differs from the settings."""

    number: str = Field(description="The number in international form.", examples=_OURS)

    @classmethod
    def of(cls, row: store.Number) -> "RouteAnswer":
        """As it is stored: it was checked by the rules of its day, which today's need not be."""
        return cls.model_construct(**{name: getattr(row, name) for name in cls.model_fields})


class RoutingAnswer(Answer):
    """A number's configuration at Twilio. A trunk goes before an application, and that before a URL."""

    voice_url: str = Field(description="Asked what to do with a call.")
    voice_method: str = Field(description="How it is asked.", examples=["POST"])
    voice_fallback_url: str = Field(description="Asked when that fails.")
    voice_fallback_method: str = Field(description="How it is asked.", examples=["POST"])
    status_callback: str = Field(description="Told of a call's end.")
    status_callback_method: str = Field(description="How it is told.", examples=["POST"])
    voice_application_sid: str = Field(description="The TwiML application that takes the calls.")
    trunk_sid: str = Field(description="The SIP trunk that takes the calls.")

    @classmethod
    def of(cls, routing: Routing) -> "RoutingAnswer":
        """As Twilio has it."""
        return cls(**asdict(routing))


class ConnectionAnswer(Answer):
    """How a number stands at Twilio."""

    number: str = Field(description="The number in international form.", examples=_OURS)
    place: Place = Field(description="Where its calls go: here, elsewhere, or nowhere.")
    routing: RoutingAnswer = Field(description="Its configuration, as Twilio has it now.")
    before: RoutingAnswer | None = Field(None, description="What a disconnect restores.")

    @classmethod
    def of(cls, found: Connected) -> "ConnectionAnswer":
        """As it was read back."""
        return cls(
            number=found.number,
            place=found.place,
            routing=RoutingAnswer.of(found.routing),
            before=RoutingAnswer.of(found.before) if found.before is not None else None,
        )


class AtTwilio(Answer):
    """A number in the Twilio account."""

    sid: str = Field(description="Twilio's name of it.", examples=["PN00000000000000000000000000000001"])
    name: str = Field(description="What Twilio calls it.")
    voice: bool = Field(description="Whether it takes voice calls.")
    place: Place = Field(description="Where its calls go: here, elsewhere, or nowhere.")
    destination: str = Field(
        description="What takes them: the SID of a trunk or an application, or an address; empty for nothing."
    )


class AtVatel(Answer):
    """A number imported to Vatel."""

    id: str = Field(description="Vatel's name of it.")
    label: str = Field(description="What Vatel calls it.")
    account_sid: str = Field(description="The Twilio account it belongs to.", examples=[_ACCOUNT])

    @classmethod
    def of(cls, imported: Imported) -> "AtVatel":
        """As Vatel shows it."""
        return cls(id=imported.id, label=imported.label, account_sid=imported.account_sid)


class ImportedAnswer(AtVatel):
    """A number that was imported to Vatel."""

    number: str = Field(description="The number in international form.", examples=_OURS)


class LabelAnswer(Answer):
    """What a number is called now."""

    number: str = Field(description="The number in international form.", examples=_OURS)
    label: str = Field(description=_LABEL, examples=["Sales"])


class NumberAnswer(Answer):
    """A number, and what each side knows of it."""

    number: str = Field(description="The number in international form.", examples=_OURS)
    label: str = Field(description=_LABEL + " Ours, else Vatel's, else Twilio's.", examples=["Sales"])
    twilio: AtTwilio | None = Field(
        description="It at Twilio; null if it is not in the account, or Twilio is missing."
    )
    vatel: AtVatel | None = Field(description="It at Vatel; null if it is not imported, or Vatel is missing.")
    route: RouteAnswer | None = Field(description="Its own route; null if the settings apply.")

    @classmethod
    def of(cls, listed: Listed) -> "NumberAnswer":
        """As the sides know it."""
        phone = listed.phone
        twilio = None
        if phone is not None and listed.place is not None:
            twilio = AtTwilio(
                sid=phone.sid,
                name=phone.name,
                voice=phone.voice,
                place=listed.place,
                destination=phone.routing.destination,
            )
        return cls(
            number=listed.number,
            label=listed.label,
            twilio=twilio,
            vatel=AtVatel.of(listed.imported) if listed.imported is not None else None,
            route=RouteAnswer.of(listed.route) if listed.route is not None else None,
        )


class MissingAnswer(Answer):
    """A side that could not be asked."""

    side: Side = Field(description="Who.")
    reason: str = Field(description="What went wrong.")
    remedy: str = Field(description="What to do about it.")

    @classmethod
    def of(cls, missing: Missing) -> "MissingAnswer":
        """With the words of its error."""
        return cls(side=missing.side, reason=str(missing.error), remedy=missing.error.remedy)


class NumbersAnswer(Answer):
    """All numbers: at most 1000 of the Twilio account, all imported ones, and all that are set up here."""

    numbers: tuple[NumberAnswer, ...] = Field(description="The numbers, in order.")
    missing: tuple[MissingAnswer, ...] = Field(
        description="Sides that could not be asked: what they know is not in this answer."
    )

    @classmethod
    def of(cls, listing: Listing) -> "NumbersAnswer":
        """All of a listing."""
        return cls(
            numbers=tuple(NumberAnswer.of(each) for each in listing.numbers),
            missing=tuple(MissingAnswer.of(each) for each in listing.missing),
        )
