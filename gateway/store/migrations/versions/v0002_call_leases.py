"""Whose each live call is."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Add the table; a gateway that does not know it is not disturbed."""
    op.create_table(
        "call_leases",
        sa.Column("call_id", sa.String(length=40), nullable=False),
        sa.Column("call_sid", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("epoch", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("recoveries", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("until", MOMENT, nullable=False),
        sa.Column("state", sa.Text(), server_default="live", nullable=False),
        sa.Column("falls_back", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("resume", sa.Text(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("call_id", name="pk_call_leases"),
        sa.UniqueConstraint("call_sid", name="uq_call_leases_call_sid"),
    )
    op.create_index("ix_call_leases_owner", "call_leases", ["owner"])
