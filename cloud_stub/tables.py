"""What the key service keeps. No table holds anything that opens by itself."""

from sqlalchemy import (
    BigInteger,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

DEVICE_ID_LENGTH = 64
NAME_LENGTH = 64


class Base(DeclarativeBase):
    """The tables' registry; migrations/ leads to exactly these tables."""


class Service(Base):
    """One row: which master key this database belongs to."""

    __tablename__ = "service"

    row: Mapped[int] = mapped_column(primary_key=True, default=1)
    check_value: Mapped[bytes] = mapped_column(LargeBinary)
    """Sealed under the master key, so that a wrong one is noticed at the start."""
    next_check_value: Mapped[bytes | None] = mapped_column(LargeBinary)
    """Under the next master key, from the beginning of its introduction to the end."""


class Account(Base):
    """Who owns devices, and who has terminals."""

    __tablename__ = "accounts"

    account_id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(NAME_LENGTH), unique=True)
    key_hash: Mapped[bytes | None] = mapped_column(LargeBinary(32))
    """SHA-256 of the account key; None: the account was never given one."""

    __table_args__ = (Index("accounts_key_hash", "key_hash", unique=True),)


class Terminal(Base):
    """A Home Assistant, or whatever else asks for authorizations."""

    __tablename__ = "terminals"

    terminal_id: Mapped[bytes] = mapped_column(LargeBinary(16), primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey(Account.account_id), index=True)
    name: Mapped[str] = mapped_column(String(NAME_LENGTH))
    token_hash: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True)
    """SHA-256: enough for 32 random bytes."""
    revoked: Mapped[bool] = mapped_column(default=False)


class Device(Base):
    """A device that was made, from its registration row on."""

    __tablename__ = "devices"

    device_id: Mapped[str] = mapped_column(String(DEVICE_ID_LENGTH), primary_key=True)
    model: Mapped[str] = mapped_column(String(64))
    sealed_initial_key: Mapped[bytes] = mapped_column(LargeBinary)
    claim_hash: Mapped[bytes | None] = mapped_column(LargeBinary(32))
    """None: no label; only the operator assigns an owner."""
    owner_id: Mapped[int | None] = mapped_column(ForeignKey(Account.account_id), index=True)
    owner_epoch: Mapped[int] = mapped_column(BigInteger, default=0)
    """Never falls: max(last + 1, unix time) at each change of owner."""


class AuditEntry(Base):
    """What was asked and what came of it; a trigger refuses to change or delete a row."""

    __tablename__ = "audit"

    entry_id: Mapped[int] = mapped_column(
        # Only an INTEGER PRIMARY KEY counts by itself in SQLite.
        BigInteger().with_variant(Integer, "sqlite"),
        primary_key=True,
    )
    at: Mapped[int] = mapped_column(BigInteger)
    """Unix time in milliseconds."""
    action: Mapped[str] = mapped_column(String(32))
    actor: Mapped[str] = mapped_column(String(16))
    outcome: Mapped[str] = mapped_column(String(32))
    """``ok``, or the failure's code."""
    account_id: Mapped[int | None]
    """Whose credential was used; None: the operator's command."""
    owner_id: Mapped[int | None]
    """Whose the device was when it was done."""
    device_id: Mapped[str | None] = mapped_column(String(DEVICE_ID_LENGTH))
    """As it was asked for: there need not be one."""
    terminal_id: Mapped[bytes | None] = mapped_column(LargeBinary(16))
    address: Mapped[str | None] = mapped_column(Text)

    __table_args__ = (
        Index("audit_by_account", "account_id", "entry_id"),
        Index("audit_by_owner", "owner_id", "entry_id"),
    )


class RateLimit(Base):
    """How much somebody has asked lately; see limits.py."""

    __tablename__ = "rate_limits"

    name: Mapped[str] = mapped_column(String(160), primary_key=True)
    due: Mapped[float] = mapped_column(Double, index=True)
    """Unix time in seconds at which all that was asked will have been paid off."""
    latest: Mapped[float] = mapped_column(Double)
    """How late that might have been when it was last asked."""
