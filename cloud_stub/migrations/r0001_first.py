"""The first tables: accounts, terminals and devices."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make them."""
    op.create_table(
        "service",
        sa.Column("row", sa.Integer(), primary_key=True),
        sa.Column("schema", sa.Integer(), nullable=False),
        sa.Column("check_value", sa.LargeBinary(), nullable=False),
    )
    op.create_table(
        "accounts",
        sa.Column("account_id", sa.Integer(), primary_key=True),
        sa.Column("name", sa.String(64), nullable=False, unique=True),
    )
    op.create_table(
        "terminals",
        sa.Column("terminal_id", sa.LargeBinary(16), primary_key=True),
        sa.Column("account_id", sa.Integer(), sa.ForeignKey("accounts.account_id"), nullable=False),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(32), nullable=False, unique=True),
        sa.Column("revoked", sa.Boolean(), nullable=False),
    )
    op.create_table(
        "devices",
        sa.Column("device_id", sa.String(64), primary_key=True),
        sa.Column("model", sa.String(64), nullable=False),
        sa.Column("sealed_initial_key", sa.LargeBinary(), nullable=False),
        sa.Column("claim_hash", sa.LargeBinary(32)),
        sa.Column("owner_id", sa.Integer(), sa.ForeignKey("accounts.account_id")),
        sa.Column("owner_epoch", sa.BigInteger(), nullable=False),
    )
