"""The first schema: numbers, calls with what was said, dial intents, keys, the outbox and the journals."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0001"
down_revision = None

JSON = sa.JSON().with_variant(JSONB(), "postgresql")
MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Create every table."""
    _numbers()
    _calls()
    _calls_indexes()
    _turns()
    _events()
    _tool_calls()
    _dial_intents()
    _api_keys()
    _webhook_outbox()
    _journal_streams()


def _numbers() -> None:
    op.create_table(
        "numbers",
        sa.Column("number", sa.String(length=20), nullable=False),
        sa.Column("label", sa.Text(), server_default="", nullable=False),
        sa.Column("agent_id", sa.Text()),
        sa.Column("version_id", sa.Text()),
        sa.Column("first_message", sa.Text()),
        sa.Column("prompt", sa.Text()),
        sa.Column("fallback_number", sa.Text()),
        sa.Column("transfer_numbers", JSON),
        sa.Column("tools", JSON),
        sa.Column("max_duration_s", sa.Integer()),
        sa.Column("recording", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("recording_notice", sa.Text()),
        sa.Column("weights", JSON),
        sa.Column("lookup_url", sa.Text()),
        sa.Column("connected", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("before_connect", JSON),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_numbers"),
    )


def _calls() -> None:
    op.create_table(
        "calls",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("direction", sa.Text(), server_default="unknown", nullable=False),
        sa.Column("via", sa.Text(), server_default="gateway", nullable=False),
        sa.Column("call_sid", sa.Text()),
        sa.Column("session_id", sa.Text()),
        sa.Column("from_number", sa.Text()),
        sa.Column("to_number", sa.Text()),
        sa.Column("number", sa.Text()),
        sa.Column("agent_id", sa.Text()),
        sa.Column("version_id", sa.Text()),
        sa.Column("status", sa.Text(), server_default="queued", nullable=False),
        sa.Column("ending", sa.Text()),
        sa.Column("ended_by", sa.Text()),
        sa.Column("answered_by", sa.Text()),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("ringing_at", MOMENT),
        sa.Column("answered_at", MOMENT),
        sa.Column("first_audio_at", MOMENT),
        sa.Column("ended_at", MOMENT),
        sa.Column("duration_ms", sa.Float(53)),
        sa.Column("ring_ms", sa.Float(53)),
        sa.Column("first_audio_ms", sa.Float(53)),
        sa.Column("agent_ms", sa.Float(53)),
        sa.Column("gateway_ms", sa.Float(53)),
        sa.Column("carrier_ms", sa.Float(53)),
        sa.Column("metadata", JSON),
        sa.Column("variables", JSON),
        sa.Column("callback_url", sa.Text()),
        sa.Column("api_key_id", sa.Text()),
        sa.Column("carrier_cost", sa.Float(53)),
        sa.Column("carrier_currency", sa.Text()),
        sa.Column("vatel_cost", sa.Float(53)),
        sa.Column("summary", sa.Text()),
        sa.Column("extracted", JSON),
        sa.Column("recording_state", sa.Text()),
        sa.Column("recording_path", sa.Text()),
        sa.Column("digits_masked", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_calls"),
    )


def _calls_indexes() -> None:
    op.create_index("ix_calls_agent_id_created_at_id", "calls", ["agent_id", "created_at", "id"])
    op.create_index("ix_calls_call_sid", "calls", ["call_sid"])
    op.create_index("ix_calls_created_at_id", "calls", ["created_at", "id"])
    op.create_index("ix_calls_direction_created_at_id", "calls", ["direction", "created_at", "id"])
    op.create_index("ix_calls_ending_created_at_id", "calls", ["ending", "created_at", "id"])
    op.create_index("ix_calls_from_number_created_at_id", "calls", ["from_number", "created_at", "id"])
    op.create_index("ix_calls_number_created_at_id", "calls", ["number", "created_at", "id"])
    op.create_index("ix_calls_session_id", "calls", ["session_id"])
    op.create_index("ix_calls_status_created_at_id", "calls", ["status", "created_at", "id"])
    op.create_index("ix_calls_to_number_created_at_id", "calls", ["to_number", "created_at", "id"])


def _turns() -> None:
    op.create_table(
        "turns",
        sa.Column("call_id", sa.String(length=40), nullable=False),
        sa.Column("turn_id", sa.Text(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("heard_text", sa.Text(), server_default="", nullable=False),
        sa.Column("cut_text", sa.Text(), server_default="", nullable=False),
        sa.Column("spoken_ms", sa.Float(53)),
        sa.Column("heard_ms", sa.Float(53)),
        sa.Column("proved_ms", sa.Float(53)),
        sa.Column("cut", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("agent_ms", sa.Float(53)),
        sa.Column("gateway_ms", sa.Float(53)),
        sa.Column("carrier_ms", sa.Float(53)),
        sa.ForeignKeyConstraint(["call_id"], ["calls.id"], name="fk_turns_call_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("call_id", "turn_id", name="pk_turns"),
    )


def _events() -> None:
    op.create_table(
        "events",
        sa.Column("call_id", sa.String(length=40), nullable=False),
        sa.Column("sequence", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("data", JSON),
        sa.ForeignKeyConstraint(["call_id"], ["calls.id"], name="fk_events_call_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("call_id", "sequence", name="pk_events"),
    )


def _tool_calls() -> None:
    op.create_table(
        "tool_calls",
        sa.Column("call_id", sa.String(length=40), nullable=False),
        sa.Column("tool_call_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("arguments", JSON),
        sa.Column("output", sa.Text()),
        sa.Column("failed", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("took_ms", sa.Float(53)),
        sa.ForeignKeyConstraint(["call_id"], ["calls.id"], name="fk_tool_calls_call_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("call_id", "tool_call_id", name="pk_tool_calls"),
    )


def _dial_intents() -> None:
    op.create_table(
        "dial_intents",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("call_id", sa.String(length=40), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("request", JSON),
        sa.Column("call_sid", sa.Text()),
        sa.Column("detail", sa.Text()),
        sa.Column("owner", sa.Text()),
        sa.Column("lease_until", MOMENT),
        sa.Column("api_key_id", sa.Text(), server_default="", nullable=False),
        sa.Column("idempotency_key", sa.Text()),
        sa.Column("body_sha256", sa.Text()),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("posted_at", MOMENT),
        sa.Column("resolved_at", MOMENT),
        sa.PrimaryKeyConstraint("id", name="pk_dial_intents"),
        sa.UniqueConstraint(
            "api_key_id", "idempotency_key", name="uq_dial_intents_api_key_id_idempotency_key"
        ),
        sa.UniqueConstraint("call_id", name="uq_dial_intents_call_id"),
    )
    op.create_index("ix_dial_intents_state_lease_until", "dial_intents", ["state", "lease_until"])


def _api_keys() -> None:
    op.create_table(
        "api_keys",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("scopes", JSON),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT),
        sa.Column("revoked_at", MOMENT),
        sa.Column("last_used_at", MOMENT),
        sa.PrimaryKeyConstraint("id", name="pk_api_keys"),
        sa.UniqueConstraint("sha256", name="uq_api_keys_sha256"),
    )


def _webhook_outbox() -> None:
    op.create_table(
        "webhook_outbox",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("endpoint", sa.Text(), nullable=False),
        sa.Column("event_type", sa.Text(), nullable=False),
        sa.Column("payload", JSON),
        sa.Column("call_id", sa.String(length=40)),
        sa.Column("dedupe_key", sa.Text()),
        sa.Column("state", sa.Text(), server_default="pending", nullable=False),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("next_at", MOMENT, nullable=False),
        sa.Column("last_error", sa.Text()),
        sa.Column("owner", sa.Text()),
        sa.Column("lease_until", MOMENT),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("delivered_at", MOMENT),
        sa.PrimaryKeyConstraint("id", name="pk_webhook_outbox"),
        sa.UniqueConstraint("dedupe_key", name="uq_webhook_outbox_dedupe_key"),
    )
    op.create_index("ix_webhook_outbox_call_id_endpoint_id", "webhook_outbox", ["call_id", "endpoint", "id"])
    op.create_index(
        "ix_webhook_outbox_due",
        "webhook_outbox",
        ["next_at"],
        postgresql_where=sa.text("state = 'pending'"),
        sqlite_where=sa.text("state = 'pending'"),
    )


def _journal_streams() -> None:
    op.create_table(
        "journal_streams",
        sa.Column("stream", sa.String(length=40), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("stream", name="pk_journal_streams"),
    )
