"""An encrypted connection, at the terminal's end (docs/protocol.md, sections 7 and 8)."""

import os
from contextlib import suppress
from typing import Self

from msgspec import Raw

from secure_pair_protocol import envelope
from secure_pair_protocol.channel import Channel
from secure_pair_protocol.envelope import (
    AnyFromDevice,
    Closing,
    Command,
    Description,
    FromDevice,
    FromTerminal,
    ListTerminals,
    Outcome,
    Piece,
    Ping,
    Pong,
    Question,
    Result,
    RevokeTerminal,
    Stamped,
    States,
    Terminal,
    Terminals,
    Unpair,
    Unpaired,
    Welcome,
)
from secure_pair_protocol.framing import RECORD_LIMIT
from secure_pair_protocol.keys import TrafficKeys
from secure_pair_protocol.pieces import Assembler

from .errors import EndedError, FoundError, RefusalError
from .line import Line, error_code

NOTHING = "nothing_of_this_name"
"""An entity that no device has."""

STORY_LIMIT = 1000
"""Messages after which a device that does not come to the point is given up."""


class Talk:
    """Sends and receives messages; keeps what the device began with."""

    welcome: Welcome
    description: Description
    states: States

    def __init__(self, line: Line, traffic: TrafficKeys) -> None:
        """Take over a connection whose handshake is done."""
        self.line = line
        self.channel = Channel.of_terminal(traffic)
        self.up = 0
        """The device's newest `up`."""
        self._requests = 0
        self._assembler = Assembler()

    async def introduced(self) -> Self:
        """Take Welcome, Description and full States; raises FoundError where one is missing."""
        self.line.frames.limit = RECORD_LIMIT
        first = await self.line.payload()
        if (code := error_code(first)) is not None:
            raise RefusalError(code)
        welcome = self._open(first)
        if not isinstance(welcome, Welcome):
            raise FoundError(f"{type(welcome).__name__} came in the place of Welcome")
        self.welcome = welcome
        self.description = await self.until(Description)
        self.states = await self.until(States)
        if not self.states.full:
            raise FoundError("the first States behind the Description are not full")
        return self

    def send(self, message: FromTerminal | bytes) -> None:
        """Send one message, or a plaintext as it is."""
        self.line.write(self.seal(message))

    def seal(self, message: FromTerminal | bytes) -> bytes:
        """Return the record of a message, with its length."""
        return self.channel.seal(
            message if isinstance(message, bytes) else envelope.encode(message)
        )

    async def receive(self) -> AnyFromDevice:
        """Return the next message; one in pieces when its last has come."""
        while True:
            message = self._open(await self.line.payload())
            if not isinstance(message, Piece):
                return message
            if (whole := self._assembler.take(message)) is not None:
                return envelope.decode_from_device(whole)

    async def until[M: FromDevice](self, kind: type[M]) -> M:
        """Return the next message of a kind: others may come between."""
        for _ in range(STORY_LIMIT):
            if isinstance(message := await self.receive(), kind):
                return message
        raise FoundError(f"no {kind.__name__} among {STORY_LIMIT} messages")

    async def now(self) -> int:
        """Ask for the device's `up`."""
        self.send(Ping())
        return (await self.until(Pong)).up

    async def ended(self) -> list[AnyFromDevice]:
        """Wait for the end; return what came before it."""
        story: list[AnyFromDevice] = []
        while len(story) < STORY_LIMIT:
            try:
                story.append(await self.receive())
            except EndedError:
                return story
        raise FoundError("the device does not end the connection")

    async def outcome(self, command_id: bytes, *, final: bool = True) -> Outcome:
        """Return what became of a command, when it has ended."""
        while True:
            outcome = await self.until(Outcome)
            if outcome.id == command_id and not (final and outcome.result is Result.RUNNING):
                return outcome

    async def asked(self, message: Stamped) -> Outcome:
        """Send a command or a question; return what it comes to."""
        self.send(message)
        return await self.outcome(message.id)

    async def command(self, **changes: object) -> Command:
        """Make a command to an entity that is not there, born now."""
        stamp: dict[str, object] = {
            "id": os.urandom(16),
            "boot": self.welcome.boot,
            "born": await self.now(),
            "entity": NOTHING,
            "action": Raw(envelope.encode({"do": "turn_on"})),
        }
        return Command(**{**stamp, **changes})  # type: ignore[arg-type]

    async def terminals(self, revoke: bytes | None = None) -> dict[bytes, Terminal]:
        """Return who is paired, by id; `revoke`: once this terminal is forgotten.

        Raises FoundError where it cannot be.
        """
        self._requests += 1
        number = self._requests
        self.send(ListTerminals(number) if revoke is None else RevokeTerminal(number, revoke))
        answer = await self.until(Terminals)
        if answer.request != number or answer.code is not None:
            raise FoundError(f"the answer is to request {answer.request}, its code {answer.code}")
        return {terminal.terminal_id: terminal for terminal in answer.terminals}

    async def unpaired(self) -> None:
        """Have the device forget the session; raises FoundError."""
        self.send(Unpair())
        story = await self.ended()
        if not any(isinstance(message, Unpaired) for message in story):
            raise FoundError("no Unpaired before the end")

    async def left(self) -> None:
        """Have the device forget the session, whatever else it says; raises SilentError."""
        self.line.frames.limit = RECORD_LIMIT
        await self.line.payload()
        self.send(Unpair())
        with suppress(EndedError):
            while True:
                await self.line.payload()

    def abort(self) -> None:
        """Cut it off, as a broken network does."""
        self.line.abort()

    def _open(self, record: bytes) -> AnyFromDevice:
        message = envelope.decode_from_device(self.channel.open(record))
        if not isinstance(message, Closing) and message.up < self.up:
            raise FoundError(f"`up` fell from {self.up} to {message.up}")
        self.up = message.up
        return message


def question(command: Command) -> Question:
    """Return the question about a command."""
    return Question(command.id, command.boot, command.born, command.entity, command.action)
