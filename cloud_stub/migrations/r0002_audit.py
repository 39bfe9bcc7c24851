"""Account keys, the audit, rate limits, and a second master key while it is introduced."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_NO_CHANGE_SQLITE = """
CREATE TRIGGER audit_no_{what} BEFORE {what} ON audit
BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END
"""
_FUNCTION = """
CREATE FUNCTION audit_is_append_only() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'the audit is append-only'; END $$
"""
_NO_CHANGE = """
CREATE TRIGGER audit_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON audit
FOR EACH STATEMENT EXECUTE FUNCTION audit_is_append_only()
"""


def upgrade() -> None:
    """Add them to the first tables, which keep their rows."""
    # In SQLite a batch is a new table, into which the rows are copied.
    with op.batch_alter_table("service") as service:
        service.drop_column("schema")
        service.add_column(sa.Column("next_check_value", sa.LargeBinary()))
    op.add_column("accounts", sa.Column("key_hash", sa.LargeBinary(32)))
    op.create_index("accounts_key_hash", "accounts", ["key_hash"], unique=True)
    op.create_index("ix_terminals_account_id", "terminals", ["account_id"])
    op.create_index("ix_devices_owner_id", "devices", ["owner_id"])
    op.create_table(
        "audit",
        sa.Column("entry_id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("action", sa.String(32), nullable=False),
        sa.Column("actor", sa.String(16), nullable=False),
        sa.Column("outcome", sa.String(32), nullable=False),
        sa.Column("account_id", sa.Integer()),
        sa.Column("owner_id", sa.Integer()),
        sa.Column("device_id", sa.String(64)),
        sa.Column("terminal_id", sa.LargeBinary(16)),
        sa.Column("address", sa.Text()),
    )
    op.create_index("audit_by_account", "audit", ["account_id", "entry_id"])
    op.create_index("audit_by_owner", "audit", ["owner_id", "entry_id"])
    op.create_table(
        "rate_limits",
        sa.Column("name", sa.String(160), primary_key=True),
        sa.Column("due", sa.Double(), nullable=False),
        sa.Column("latest", sa.Double(), nullable=False),
    )
    op.create_index("ix_rate_limits_due", "rate_limits", ["due"])
    if op.get_context().dialect.name == "sqlite":
        for what in ("UPDATE", "DELETE"):
            op.execute(_NO_CHANGE_SQLITE.format(what=what))
    else:
        op.execute(_FUNCTION)
        op.execute(_NO_CHANGE)
