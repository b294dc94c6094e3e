"""The tables. The words beside each column are what the reference page is made of."""

from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    false,
    text,
)

from gateway.store.types import JSON_DOCUMENT, Utc

metadata: Final = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _text(name: str, doc: str, **how: Any) -> Column[str]:
    return Column(name, Text, doc=doc, **how)


def _ms(name: str, doc: str) -> Column[float]:
    return Column(name, Float(53), doc=doc)


def _at(name: str, doc: str, **how: Any) -> Column[Any]:
    return Column(name, Utc, doc=doc, **how)


def _json(name: str, doc: str) -> Column[Any]:
    return Column(name, JSON_DOCUMENT, doc=doc)


def _of_call(**how: Any) -> Column[str]:
    reference = ForeignKey("calls.id", ondelete="CASCADE")
    return Column("call_id", String(40), reference, doc="The call it belongs to.", **how)


numbers: Final = Table(
    "numbers",
    metadata,
    Column("number", String(20), primary_key=True, doc="Our telephone number, `+14155550100`."),
    _text("label", "What people call it.", nullable=False, server_default=""),
    _text("agent_id", "The agent that answers."),
    _text("version_id", "The version of the agent; none is the published one."),
    _text("first_message", "What the agent says first, instead of its own."),
    _text("prompt", "The prompt, instead of the agent's own."),
    _text("fallback_number", "The person callers get when no agent can be had."),
    _json("transfer_numbers", "Numbers the agent may transfer to."),
    _json("tools", "Names of the tools the agent may use; none is all of them."),
    Column("max_duration_s", Integer, doc="The longest call, in seconds."),
    Column("recording", Boolean, nullable=False, server_default=false(), doc="Whether calls are recorded."),
    _text("recording_notice", "What callers hear before they are recorded."),
    _json("weights", "Several agents: `{agent_id: weight}`."),
    _text("lookup_url", "Who is asked about a caller before the agent answers."),
    Column("connected", Boolean, nullable=False, server_default=false(), doc="Whether Twilio calls us."),
    _json("before_connect", "What Twilio's configuration of the number was before it was connected."),
    _at("created_at", "When it was added.", nullable=False),
    _at("updated_at", "When it was last changed.", nullable=False),
    info={"doc": "Our telephone numbers: who answers them and how."},
)

calls: Final = Table(
    "calls",
    metadata,
    Column("id", String(40), primary_key=True, doc="`call_...`; sorts by time."),
    _text("direction", "`inbound`, `outbound`, or `unknown`.", nullable=False, server_default="unknown"),
    _text("via", "Who carries it: `gateway` or `vatel`.", nullable=False, server_default="gateway"),
    _text("call_sid", "Twilio's name of it."),
    _text("session_id", "Vatel's name of its session."),
    _text("from_number", "Who calls."),
    _text("to_number", "Who is called."),
    _text("number", "Which of the two is ours."),
    _text("agent_id", "The agent on it."),
    _text("version_id", "The version of the agent."),
    _text("status", "How far it is.", nullable=False, server_default="queued"),
    _text("ending", "Why it ended: a reason code."),
    _text("ended_by", "Who ended it."),
    _text("answered_by", "`human`, `machine_start`, ... as Twilio told."),
    _at("created_at", "When it was taken or asked for.", nullable=False),
    _at("ringing_at", "When it began to ring."),
    _at("answered_at", "When it was answered."),
    _at("first_audio_at", "When the agent was first heard."),
    _at("ended_at", "When it was over."),
    _ms("duration_ms", "From the answer to the end."),
    _ms("ring_ms", "From the first ring to the answer."),
    _ms("first_audio_ms", "From the stream's opening, behind any notice, to the agent's first audio."),
    _ms("agent_ms", "Median latency of the agent."),
    _ms("gateway_ms", "Median latency of the gateway."),
    _ms("carrier_ms", "Median latency of the carrier."),
    _json("metadata", "Whatever the customer attached."),
    _json("variables", "What the agent was told about the call."),
    _text("callback_url", "Where the customer wants its events."),
    _text("api_key_id", "The key that asked for it."),
    _ms("carrier_cost", "What the carrier charges."),
    _text("carrier_currency", "In which currency."),
    _ms("vatel_cost", "What Vatel charges."),
    _text("summary", "Vatel's summary."),
    _json("extracted", "The variables Vatel extracted."),
    _text("recording_state", "`none`, `recording`, `kept`, `partial` or `erased`."),
    _text("recording_path", "Where the recording is, below the recordings' folder."),
    Column(
        "digits_masked",
        Boolean,
        nullable=False,
        server_default=false(),
        doc="Whether keypad digits were left out of the record.",
    ),
    Index(None, "created_at", "id"),
    # One for each filter of the list, in the list's order: a page is then the next rows of an index.
    *(
        Index(None, column, "created_at", "id")
        for column in ("number", "from_number", "to_number", "agent_id", "direction", "status", "ending")
    ),
    Index(None, "call_sid"),
    Index(None, "session_id"),
    info={
        "doc": "One row a call. A change adds to it; `status` never goes back, and the first `ending` stands."
    },
)

turns: Final = Table(
    "turns",
    metadata,
    _of_call(primary_key=True),
    _text("turn_id", "The agent's name of the turn, or one of ours for the caller's.", primary_key=True),
    Column("sequence", Integer, nullable=False, doc="Its place in the call."),
    _text("who", "`agent` or `caller`.", nullable=False),
    _at("at", "When it began.", nullable=False),
    _text("heard_text", "What was heard.", nullable=False, server_default=""),
    _text("cut_text", "What was cut off.", nullable=False, server_default=""),
    _ms("spoken_ms", "Audio that was sent."),
    _ms("heard_ms", "Audio that was heard."),
    _ms("proved_ms", "Audio proved heard by marks."),
    Column("cut", Boolean, nullable=False, server_default=false(), doc="Whether the caller cut it off."),
    _ms("agent_ms", "Its latency: the agent's part."),
    _ms("gateway_ms", "The gateway's part."),
    _ms("carrier_ms", "The carrier's part."),
    info={"doc": "What was said in a call, as far as it was heard."},
)

events: Final = Table(
    "events",
    metadata,
    _of_call(primary_key=True),
    Column("sequence", BigInteger, primary_key=True, autoincrement=False, doc="Its place in the call."),
    _at("at", "When it happened.", nullable=False),
    _text("kind", "What happened.", nullable=False),
    _json("data", "What is known of it."),
    info={"doc": "What happened in a call, one after the other."},
)

tool_calls: Final = Table(
    "tool_calls",
    metadata,
    _of_call(primary_key=True),
    _text("tool_call_id", "Vatel's name of it.", primary_key=True),
    _text("name", "The tool.", nullable=False),
    _at("at", "When the agent asked for it.", nullable=False),
    _json("arguments", "What the agent gave it; keys the caller pressed are stars."),
    _text("output", "What it answered, cut at 16,384 characters."),
    Column("failed", Boolean, nullable=False, server_default=false(), doc="Whether it failed."),
    _ms("took_ms", "How long it took."),
    info={"doc": "What the agent had done during a call."},
)

dial_intents: Final = Table(
    "dial_intents",
    metadata,
    Column("id", String(40), primary_key=True, doc="`dial_...`; sorts by time."),
    Column("call_id", String(40), nullable=False, unique=True, doc="The call it is to become."),
    _text("state", "`intended`, `posted`, or how it was resolved.", nullable=False),
    _json("request", "What is asked of the carrier; of keys to press, stars once it was asked."),
    _text("call_sid", "Twilio's name of the call, once known."),
    _text("detail", "Why it was refused or found absent."),
    _text("owner", "The process that works on it."),
    _at("lease_until", "Until when it is that process's."),
    _text("api_key_id", "The key that asked for it.", nullable=False, server_default=""),
    _text("idempotency_key", "The customer's name of the request."),
    _text("body_sha256", "The request it stands for."),
    _at("created_at", "When it was asked for.", nullable=False),
    _at("posted_at", "When the carrier was about to be asked."),
    _at("resolved_at", "When it was settled."),
    UniqueConstraint("api_key_id", "idempotency_key"),
    Index(None, "state", "lease_until"),
    info={"doc": "Who is to be dialled, written before the carrier is asked: nobody is dialled twice."},
)

api_keys: Final = Table(
    "api_keys",
    metadata,
    Column("id", String(40), primary_key=True, doc="`key_...`."),
    Column("sha256", String(64), nullable=False, unique=True, doc="The key itself is kept nowhere."),
    _text("name", "What people call it.", nullable=False),
    _json("scopes", "What it may do."),
    _at("created_at", "When it was made.", nullable=False),
    _at("expires_at", "When it ends by itself."),
    _at("revoked_at", "When it was taken back."),
    _at("last_used_at", "When it was last used, to the minute."),
    info={"doc": "Keys of the HTTP interface."},
)

webhook_outbox: Final = Table(
    "webhook_outbox",
    metadata,
    Column("id", String(40), primary_key=True, doc="`msg_...`; sorts by time."),
    _text("endpoint", "Where it goes.", nullable=False),
    _text("event_type", "What it tells.", nullable=False),
    _json("payload", "What it says."),
    Column("call_id", String(40), doc="The call it is about; such go out in order."),
    _text("dedupe_key", "Of several with the same, the first one counts.", unique=True),
    _text("state", "`pending`, `delivered` or `dead`.", nullable=False, server_default="pending"),
    Column("attempts", Integer, nullable=False, server_default=text("0"), doc="How often it was tried."),
    _at("next_at", "When it is due.", nullable=False),
    _text("last_error", "Why it was not taken."),
    _text("owner", "The process that delivers it."),
    _at("lease_until", "Until when it is that process's."),
    _at("created_at", "When it came up.", nullable=False),
    _at("delivered_at", "When it was taken."),
    Index(
        "ix_webhook_outbox_due",
        "next_at",
        postgresql_where=text("state = 'pending'"),
        sqlite_where=text("state = 'pending'"),
    ),
    Index(None, "call_id", "endpoint", "id"),
    info={"doc": "Webhooks to be delivered, written in the transaction of what they tell."},
)

journal_streams: Final = Table(
    "journal_streams",
    metadata,
    Column("stream", String(40), primary_key=True, doc="`journal_...`: what one process writes."),
    Column("position", BigInteger, nullable=False, doc="The last of its entries that is in the tables."),
    _at("updated_at", "When it was written.", nullable=False),
    info={"doc": "How far each process's records have come, so that none is written twice."},
)

call_leases: Final = Table(
    "call_leases",
    metadata,
    # No reference to calls: a lease must not wait for the journal.
    Column("call_id", String(40), primary_key=True, doc="The call."),
    _text("call_sid", "Twilio's name of it.", nullable=False, unique=True),
    _text("owner", "The process that carries it.", nullable=False),
    Column("epoch", Integer, nullable=False, server_default=text("0"), doc="How often it was taken over."),
    Column(
        "recoveries",
        Integer,
        nullable=False,
        server_default=text("0"),
        doc="How often that was because its process was gone.",
    ),
    _at("until", "Until when it is that process's, by the database's clock.", nullable=False),
    _text("state", "`live`, `handed` or `over`.", nullable=False, server_default="live"),
    Column(
        "falls_back",
        Boolean,
        nullable=False,
        server_default=false(),
        doc="Whether the caller of a call that is over needs the fallback.",
    ),
    _text(
        "resume",
        "What another process must know to go on with it, as JSON: nothing the caller said or pressed.",
        nullable=False,
    ),
    _at("created_at", "When the call was taken.", nullable=False),
    Index("ix_call_leases_owner", "owner"),
    info={
        "doc": "Whose each live call is. A process renews its own every two seconds; one that is not renewed "
        "for six, or whose stream Twilio says is over, goes to whichever process takes it."
    },
)
