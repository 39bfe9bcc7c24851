"""A whole device in one file, from protocol.md alone: one switch, and every binding.

    python minimal_device.py DEVICE_FILE STATE_FILE PORT

DEVICE_FILE is what `python -m device_stub provision` writes; without STATE_FILE it is in factory
state. It needs `cryptography`, and `msgspec` for MessagePack. A product adds its announcement,
and a bound on connections that say nothing.
"""

import asyncio
import hashlib
import hmac
import json
import os
import random
import sys
import time
from base64 import urlsafe_b64decode
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from msgspec.msgpack import decode, encode

P, VERSION, MAX_AGE = b"secure_pair/1 ", 1, 10_000
CHALLENGE_SECONDS = 60  # from m2 to m7
FORMS = {1: (0, 16), 3: (72, 32), 5: (32,), 6: (0, 16, 32, 32), 8: (32,), 9: ()}
"""What a terminal sends in the clear: the sizes of its fields, 0 for the version (section 2)."""
ENTITY = {"kind": "switch", "key": "switch"}


class Refused(Exception):
    """Ends a connection, with a code of section 12."""


# Notation (section 1)


def lp(value: bytes) -> bytes:
    return len(value).to_bytes(2) + value


def H(label: bytes, *parts: bytes) -> bytes:
    return hashlib.sha256(lp(P + label) + b"".join(map(lp, parts))).digest()


def mac(key: bytes, message: bytes) -> bytes:
    return hmac.digest(key, message, "sha256")


def X(key: bytes, label: bytes, context: bytes = b"") -> bytes:
    return mac(key, lp(P + label) + lp(context) + b"\x01")


def agree(public_key: bytes) -> tuple[bytes, bytes]:
    """Draw a key pair; return its public key, and what it agrees on with another one."""
    key = X25519PrivateKey.generate()
    try:
        secret = key.exchange(X25519PublicKey.from_public_bytes(public_key))
    except ValueError:  # all zero
        raise Refused("terminal_unproven") from None
    return key.public_key().public_bytes_raw(), secret


def demand(holds: bool, code: str) -> None:
    if not holds:
        raise Refused(code)


def ciphers(key: bytes) -> Iterator[tuple[AESGCM, bytes]]:
    """Yield cipher and nonce of each record of one direction (section 7)."""
    while True:
        for counter in range(1 << 20):
            yield AESGCM(key), counter.to_bytes(12)
        key = X(key, b"next")


class Device:
    """What it was made with, what it keeps, and its one switch."""

    def __init__(self, made: Path, kept: Path) -> None:
        row = json.loads(made.read_bytes())
        self.id, self.model, self.name = row["device_id"], row["model"], row["name"]
        self.initial_key, self.pairing_secret = (
            urlsafe_b64decode(row[name] + "==") for name in ("initial_key", "pairing_secret")
        )
        self.on, self.boot, self.started = False, os.urandom(8), time.monotonic()
        self.identified = -10.0
        self.connections: list[Connection] = []
        self.tables: dict[str, dict[bytes, tuple[int, str, str | None]]] = {}
        self.evicted = -1  # `ev` of all terminals: who asks hears "unknown" rather than "void"
        self.kept = kept
        # An hour of powered time that had begun is a whole one.
        self.counted = self.started - 3600
        self.state: dict[str, Any]
        fresh = {"installation": os.urandom(8).hex(), "epoch": 0, "revoked": [], "held": {}}
        self.state = json.loads(kept.read_bytes()) if kept.exists() else fresh
        self.keep(self.state | {"held": self.held()})

    def up(self) -> int:
        return int((time.monotonic() - self.started) * 1000)

    def keep(self, state: dict[str, Any]) -> None:
        """Make it durable (section 9), wholly or not at all; only then it counts."""
        new = self.kept.with_suffix(".new")
        try:
            with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
                json.dump(state, file)
                file.flush()
                os.fsync(file.fileno())
            new.rename(self.kept)
            folder = os.open(self.kept.parent, os.O_RDONLY)
            os.fsync(folder)  # else the rename may be lost with the power
            os.close(folder)
        except OSError:
            raise Refused("storage_failed") from None
        self.state = state

    def accept(self, connection: Connection, session: dict[str, Any]) -> None:
        state, terminal, epoch = self.state, connection.terminal, session["epoch"]
        demand(epoch >= state["epoch"], "epoch_refused")
        revoked = state["revoked"] if epoch == state["epoch"] else []
        demand(terminal not in revoked, "terminal_revoked")
        known = terminal in self.held()
        held = {t: s for t, s in self.held().items() if t != terminal and s["epoch"] == epoch}
        demand(len(held) < 8, "table_full")
        held[terminal] = session
        self.keep(state | {"epoch": epoch, "revoked": revoked, "held": held})
        for other in self.connections:
            if other.terminal == terminal:
                other.end(None if other.stage == "live" else "busy")
            elif other.stage == "live" and other.terminal not in held:
                other.end("epoch_refused")
        if not known:
            self.tell("paired", terminal)

    def forget(self, terminal: str, what: str, code: str, revoked: list[str]) -> None:
        held = {t: s for t, s in self.held().items() if t != terminal}
        self.keep(
            self.state | {"held": held, "revoked": sorted({*self.state["revoked"], *revoked})}
        )
        for other in self.connections:
            if other.terminal == terminal and other.session:
                other.end(code)
        self.tell(what, terminal)

    def tell(self, what: str, terminal: str) -> None:
        """Give notice to all other terminals (section 8)."""
        for other in self.connections:
            if other.stage == "live" and other.terminal != terminal:
                other.say(11, what, bytes.fromhex(terminal))

    def held(self) -> dict[str, dict[str, Any]]:
        """Return the sessions whose lifetime is not over, by their terminals' ids."""
        seconds = int(time.monotonic() - self.counted)
        self.counted += seconds
        for session in self.state["held"].values():
            if session["left"] is not None:
                session["left"] = max(0, session["left"] - seconds)
        return {t: s for t, s in self.state["held"].items() if s["left"] != 0}

    def is_held(self, session_id: str) -> bool:
        return any(session["id"] == session_id for session in self.held().values())

    async def save_hourly(self) -> None:
        while True:
            await asyncio.sleep(3600)
            with suppress(Refused):
                self.keep(self.state | {"held": self.held()})

    def command(self, terminal: str, is_question: bool, *command: Any) -> tuple[str, str | None]:
        """Return result and code (section 10); the action is carried out at once."""
        key, boot, born, entity, action = command
        table, age = self.tables.setdefault(terminal, {}), self.up() - born
        if boot != self.boot:
            return "restarted", None
        if key in table:
            return table[key][1:]
        if age > MAX_AGE:
            return "void" if born > self.evicted else "unknown", None
        if len(table) >= 1024:
            old = next((k for k, entry in table.items() if self.up() - entry[0] > MAX_AGE), None)
            if old is None:
                return "busy", None
            self.evicted = max(self.evicted, table.pop(old)[0])
        if is_question or age < -1000:
            table[key] = born, "void", None
        elif entity != "switch":
            table[key] = born, "failed", "unknown_entity"
        elif action.get("do") not in ("turn_on", "turn_off"):
            table[key] = born, "failed", "invalid_action"
        else:
            self.on = action["do"] == "turn_on"
            table[key] = born, "done", None
            for connection in self.connections:
                if connection.stage == "live":
                    connection.say(2, False, [{"key": "switch", "on": self.on}])
        return table[key][1:]

    def identify(self) -> None:
        if time.monotonic() - self.identified >= 10:
            self.identified = time.monotonic()
            print(f"*** this is {self.name} ***")


class Connection:
    """One connection; `stage` is challenged, answered, resuming or live, or nothing yet."""

    def __init__(
        self, device: Device, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.device, self.reader, self.writer = device, reader, writer
        self.stage = self.terminal = self.session = ""
        self.code: str | None = None
        self.task: asyncio.Task[None] | None = None
        device.connections.append(self)

    def end(self, code: str | None) -> None:
        """End it for another one's sake."""
        if self.task is not None and self.task is not asyncio.current_task():
            self.code = code
            self.task.cancel()

    async def run(self) -> None:
        self.task = asyncio.current_task()
        try:
            await self.shake()
            while await self.answer():
                pass
            self.stage = ""
        except Refused as refused:
            self.code = str(refused)
        except TimeoutError:
            is_late = self.stage in ("challenged", "answered")
            self.code = "challenge_expired" if is_late else "timeout"
        except asyncio.CancelledError:
            pass  # `end` was called
        except InvalidTag, OSError, EOFError:
            self.stage = ""  # nothing may be said on this channel any more
        self.device.connections.remove(self)
        with suppress(OSError, TimeoutError):
            if self.stage == "live":
                self.say(7, self.code)
            elif self.code is not None:
                self.frame(encode([127, self.code]))
            # Closed with bytes unread, TCP would take back the last words.
            self.writer.write_eof()
            async with asyncio.timeout(2):
                while await self.reader.read(65536):
                    pass
        self.writer.close()

    def frame(self, payload: bytes) -> None:
        self.writer.write(lp(payload))

    async def payload(self, limit: int, seconds: float) -> bytes:
        async with asyncio.timeout(seconds):
            await self.writer.drain()  # who does not listen shall not speak
            size = int.from_bytes(await self.reader.readexactly(2))
            demand(size > 0, "malformed")
            demand(size <= limit, "too_large")
            return await self.reader.readexactly(size)

    async def take(self, seconds: float, *numbers: int) -> tuple[bytes, int, list[Any]]:
        """Return the next message in the clear (section 2): its bytes, number and fields."""
        payload = await self.payload(4096, seconds)
        try:
            number, *fields = decode(payload)
            form = FORMS[number] if type(number) is int else ()
            for size, field in zip(form, fields[: len(form)], strict=True):
                fits = type(field) is bytes and len(field) == size
                demand(fits if size else type(field) is int and 0 <= field < 256, "malformed")
        except ValueError, KeyError, TypeError, RecursionError:
            raise Refused("malformed") from None
        demand(number in numbers, "out_of_order")
        return payload, number, fields[: len(form)]

    def end_others(self, code: str | None, *stages: str, but: int = 0) -> None:
        """End this terminal's other connections at these stages, but for the newest ones."""
        mine = [other for other in self.device.connections if other.terminal == self.terminal]
        others = [other for other in mine if other is not self and other.stage in stages]
        for other in others[: max(0, len(others) - but)]:
            other.end(code)

    async def shake(self) -> None:
        random16 = os.urandom(16)
        self.frame(encode([0, [VERSION], self.device.id, random16]))
        payload, number, fields = await self.take(10, 1, 6, 9)
        while number == 9:
            self.device.identify()
            payload, number, fields = await self.take(10, 1, 6, 9)
        demand(fields[0] == VERSION, "version_not_supported")
        if number == 1:
            await self.negotiate(payload, fields[1])
        else:
            await self.resume(random16, *fields[1:])

    async def negotiate(self, m1: bytes, terminal: bytes) -> None:
        """Sections 4 and 6."""
        device, self.terminal, self.stage = self.device, terminal.hex(), "challenged"
        crowd = [other for other in device.connections if other.stage == "challenged"]
        if len(crowd) > 8:
            random.choice([other for other in crowd if other is not self]).end("busy")
        first_data, installation = os.urandom(32), bytes.fromhex(device.state["installation"])
        m2 = encode([2, device.id, first_data, installation, device.model, device.name])
        self.frame(m2)
        due = time.monotonic() + CHALLENGE_SECONDS

        _, _, (f, first_public_key) = await self.take(due - time.monotonic(), 3)
        ctx = H(b"context", m1, m2, first_public_key)
        try:
            cipher = AESGCM(X(device.initial_key, b"authorize", ctx))
            opened = cipher.decrypt(f[:12], f[12:], ctx)
        except InvalidTag:
            raise Refused("authorization_rejected") from None
        demand(hmac.compare_digest(opened[:32], first_data), "authorization_rejected")
        epoch, lifetime = int.from_bytes(opened[32:40]), int.from_bytes(opened[40:])
        demand(epoch >= device.state["epoch"], "epoch_refused")
        self.end_others("busy", "challenged", "answered")
        self.stage = "answered"
        device_public_key, authority_key = agree(first_public_key)
        h = H(b"transcript", ctx, f, device_public_key)
        ticket_key = X(device.initial_key, b"ticket", lp(ctx) + lp(f[:12]))
        prk = mac(ticket_key, authority_key + device.pairing_secret)
        self.frame(encode([4, device_public_key, mac(X(prk, b"device confirmation", h), h)]))

        _, _, (tag,) = await self.take(due - time.monotonic(), 5)
        right = mac(X(prk, b"terminal confirmation", h), h)
        demand(hmac.compare_digest(tag, right), "terminal_unproven")
        session_id, key = X(prk, b"session id", h)[:16].hex(), X(prk, b"session key", h).hex()
        session = {"id": session_id, "key": key, "epoch": epoch, "left": lifetime or None}
        device.accept(self, session)
        self.begin(session, prk, h, b"")

    async def resume(self, random16: bytes, session_id: bytes, t: bytes, binder: bytes) -> None:
        """Sections 5 and 6."""
        device, v, number = self.device, bytes([VERSION]), session_id.hex()
        known = [(k, s) for k, s in device.held().items() if s["id"] == number]
        demand(bool(known), "session_unknown")
        ((terminal, session),) = known
        key = bytes.fromhex(session["key"])
        right = mac(X(key, b"binder"), lp(v) + lp(session_id) + lp(t) + lp(random16))
        demand(hmac.compare_digest(binder, right), "session_unknown")
        self.terminal, self.stage = terminal, "resuming"
        self.end_others("busy", "resuming", but=1)
        d, agreed = agree(t)
        h = H(b"resume", v, session_id, t, d)
        prk = mac(X(key, b"resume"), agreed)
        self.frame(encode([7, d, mac(X(prk, b"resume device confirmation", h), h)]))

        _, _, (tag,) = await self.take(10, 8)
        right = mac(X(prk, b"resume terminal confirmation", h), h)
        demand(hmac.compare_digest(tag, right), "terminal_unproven")
        demand(device.is_held(number), "session_unknown")
        self.end_others(None, "live", but=1)
        self.end_others("busy", "challenged", "answered")
        self.begin(session, prk, h, b"resume ")

    def begin(self, session: dict[str, Any], prk: bytes, h: bytes, prefix: bytes) -> None:
        """Sections 7 and 8."""
        device, self.session, self.stage = self.device, session["id"], "live"
        self.inward = ciphers(X(prk, prefix + b"terminal to device", h))
        self.outward = ciphers(X(prk, prefix + b"device to terminal", h))
        self.say(0, device.boot, session["left"])
        self.say(1, {"model": device.model, "name": device.name}, [ENTITY])
        self.say(2, True, [{"key": "switch", "on": device.on}])

    def say(self, number: int, *fields: Any) -> None:
        cipher, nonce = next(self.outward)
        self.frame(cipher.encrypt(nonce, encode([number, self.device.up(), *fields]), None))

    async def answer(self) -> bool:
        """Answer one record; tell whether there may be another one."""
        device, record = self.device, await self.payload(65535, 90)
        cipher, nonce = next(self.inward)
        plaintext = cipher.decrypt(nonce, record, None)
        demand(device.is_held(self.session), "session_unknown")
        try:
            message = decode(plaintext)
        except ValueError, RecursionError:
            message = None
        match message:
            case [0 | 1 as kind, bytes(key), bytes(boot), int(born), str(entity), dict(do), *_]:
                demand((len(key), len(boot)) == (16, 8) and born >= 0, "malformed")
                outcome = device.command(self.terminal, kind == 1, key, boot, born, entity, do)
                self.say(3, key, *outcome, None)
            case [2, *_]:
                self.say(5)
            case [3, *_]:
                device.forget(self.terminal, "unpaired", "session_unknown", [])
                self.say(6)
                return False
            case [4, *_]:
                return False
            case [5, int(request), str(), *_]:
                self.say(9, request, "", b"")  # it has no camera
            case [6 | 7, int(request), *rest]:
                code = None
                if message[0] == 7:
                    demand(bool(rest) and type(rest[0]) is bytes, "malformed")
                    demand(len(rest[0]) == 16, "malformed")
                    if len({*device.state["revoked"], rest[0].hex()}) > 256:
                        code = "busy"
                    else:
                        device.forget(rest[0].hex(), "revoked", "terminal_revoked", [rest[0].hex()])
                        demand(device.is_held(self.session), "terminal_revoked")
                live = {other.terminal for other in device.connections if other.stage == "live"}
                sessions = device.held().items()
                held = [[bytes.fromhex(t), t in live, s["left"]] for t, s in sessions]
                self.say(10, request, held, code)
            case _:
                raise Refused("malformed")
        return True


async def listen(device: Device, port: int) -> asyncio.Server:
    def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Any:
        return Connection(device, reader, writer).run()

    return await asyncio.start_server(serve, "127.0.0.1", port)


async def main(made: str, kept: str, port: str) -> None:
    device = Device(Path(made), Path(kept))
    async with await listen(device, int(port)) as server:
        print(f"listening on port {server.sockets[0].getsockname()[1]}", flush=True)
        await device.save_hourly()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
