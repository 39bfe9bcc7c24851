"""What the key service keeps. No table holds anything that opens by itself."""

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Row,
    String,
    Table,
    Text,
)

DEVICE_ID_LENGTH = 64
NAME_LENGTH = 64

type AnyRow = Row[Any]
"""A row, whose columns are its attributes."""

METADATA = MetaData()
"""All of the tables; migrations/ leads to exactly these."""

SERVICE = Table(
    "service",
    METADATA,
    Column("row", Integer, primary_key=True),
    # Sealed under the master key, so that a wrong one is noticed at the start.
    Column("check_value", LargeBinary, nullable=False),
    # Under the next master key, from the beginning of its introduction to the end.
    Column("next_check_value", LargeBinary),
)
"""One row: which master key this database belongs to."""

ACCOUNTS = Table(
    "accounts",
    METADATA,
    Column("account_id", Integer, primary_key=True),
    Column("name", String(NAME_LENGTH), nullable=False, unique=True),
    # SHA-256 of the account key; NULL: the account was never given one.
    Column("key_hash", LargeBinary(32)),
    Index("accounts_key_hash", "key_hash", unique=True),
)
"""Who owns devices, and who has terminals."""

TERMINALS = Table(
    "terminals",
    METADATA,
    Column("terminal_id", LargeBinary(16), primary_key=True),
    Column("account_id", ForeignKey("accounts.account_id"), nullable=False, index=True),
    Column("name", String(NAME_LENGTH), nullable=False),
    # SHA-256: enough for 32 random bytes.
    Column("token_hash", LargeBinary(32), nullable=False, unique=True),
    Column("revoked", Boolean, nullable=False),
)
"""A Home Assistant, or whatever else asks for authorizations."""

DEVICES = Table(
    "devices",
    METADATA,
    Column("device_id", String(DEVICE_ID_LENGTH), primary_key=True),
    Column("model", String(64), nullable=False),
    Column("sealed_initial_key", LargeBinary, nullable=False),
    # NULL: no label; only the operator assigns an owner.
    Column("claim_hash", LargeBinary(32)),
    Column("owner_id", ForeignKey("accounts.account_id"), index=True),
    # Never falls: max(last + 1, unix time) at each change of owner.
    Column("owner_epoch", BigInteger, nullable=False),
)
"""A device that was made, from its registration row on."""

AUDIT = Table(
    "audit",
    METADATA,
    # Only an INTEGER PRIMARY KEY counts by itself in SQLite.
    Column("entry_id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    # Unix time in milliseconds.
    Column("at", BigInteger, nullable=False),
    Column("action", String(32), nullable=False),
    Column("actor", String(16), nullable=False),
    # ``ok``, or the failure's code.
    Column("outcome", String(32), nullable=False),
    # Whose credential was used; NULL: the operator's command.
    Column("account_id", Integer),
    # Whose the device was when it was done.
    Column("owner_id", Integer),
    # As it was asked for: there need not be one.
    Column("device_id", String(DEVICE_ID_LENGTH)),
    Column("terminal_id", LargeBinary(16)),
    Column("address", Text),
    Index("audit_by_account", "account_id", "entry_id"),
    Index("audit_by_owner", "owner_id", "entry_id"),
)
"""What was asked and what came of it; a trigger refuses to change or delete a row."""

RATE_LIMITS = Table(
    "rate_limits",
    METADATA,
    Column("name", String(160), primary_key=True),
    # Unix time in seconds at which all that was asked will have been paid off.
    Column("due", Double, nullable=False, index=True),
    # How late that might have been when it was last asked.
    Column("latest", Double, nullable=False),
)
"""How much somebody has asked lately; see limits.py."""
