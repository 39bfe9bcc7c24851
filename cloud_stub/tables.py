"""What the key service keeps. No table holds anything that opens by itself."""

from sqlalchemy import BigInteger, ForeignKey, LargeBinary, String
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

SCHEMA = 1
"""The number of this set of tables; a database with another one is not opened."""


class Base(DeclarativeBase):
    """The tables' registry."""


class Service(Base):
    """One row: what this database is, and which master key it belongs to."""

    __tablename__ = "service"

    row: Mapped[int] = mapped_column(primary_key=True, default=1)
    schema: Mapped[int] = mapped_column(default=SCHEMA)
    check_value: Mapped[bytes] = mapped_column(LargeBinary)
    """Sealed under the master key, so that a wrong one is noticed at the start."""


class Account(Base):
    """Who owns devices, and who has terminals."""

    __tablename__ = "accounts"

    account_id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(64), unique=True)


class Terminal(Base):
    """A Home Assistant, or whatever else asks for authorizations."""

    __tablename__ = "terminals"

    terminal_id: Mapped[bytes] = mapped_column(LargeBinary(16), primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey(Account.account_id))
    name: Mapped[str] = mapped_column(String(64))
    token_hash: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True)
    """SHA-256: enough for 32 random bytes."""
    revoked: Mapped[bool] = mapped_column(default=False)


class Device(Base):
    """A device that was made, from its registration row on."""

    __tablename__ = "devices"

    device_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    model: Mapped[str] = mapped_column(String(64))
    sealed_initial_key: Mapped[bytes] = mapped_column(LargeBinary)
    claim_hash: Mapped[bytes | None] = mapped_column(LargeBinary(32))
    """None: no label; only the operator assigns an owner."""
    owner_id: Mapped[int | None] = mapped_column(ForeignKey(Account.account_id))
    owner_epoch: Mapped[int] = mapped_column(BigInteger, default=0)
    """Never falls: max(last + 1, unix time) at each change of owner."""
