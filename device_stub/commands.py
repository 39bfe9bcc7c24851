"""Commands, at most once and in order (docs/protocol.md, section 10)."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any

from secure_pair_protocol import model
from secure_pair_protocol.commands import CommandTable, Verdict
from secure_pair_protocol.envelope import Command, Question, Result
from secure_pair_protocol.errors import SecurePairError
from secure_pair_protocol.model import DEFAULT_MAX_AGE, Action

from .entity import AnyEntity, Done, Ending, Failed

_LOGGER = logging.getLogger(__name__)

TABLES = 64
"""Tables kept; a device holds 8 terminals at a time, but they may come and go."""

_TEXT_LIMIT = 255

type Report = Callable[[bytes, bytes, Verdict], None]
"""Tells a terminal (its id) what became of a command (its id)."""


@dataclass(frozen=True, slots=True)
class _Order:
    """A command that has to run."""

    terminal_id: bytes
    command_id: bytes
    table: CommandTable
    action: Action
    until: int
    """The last moment, in the device's `up`, to begin it."""


@dataclass(slots=True)
class _Line:
    """One entity, and the commands that wait for it."""

    entity: AnyEntity
    orders: deque[_Order] = field(default_factory=deque)
    worker: asyncio.Task[None] | None = None
    running: asyncio.Task[Ending] | None = None


class Commands:
    """Decides about each command, and carries them out: each entity's one by one."""

    def __init__(
        self, entities: Mapping[str, AnyEntity], *, up: Callable[[], int], report: Report
    ) -> None:
        """`entities` by their keys, at any moment; `up`: milliseconds since the start."""
        self._entities = entities
        self._lines: dict[AnyEntity, _Line] = {}
        """Of those entities that have something to do."""
        self._accepted: list[_Line] = []
        """Those of them that have not begun."""
        self._up = up
        self._report = report
        self._boot = b""
        self._tables: dict[bytes, CommandTable] = {}

    def begin(self, boot: bytes) -> None:
        """Forget all commands, as at each start of the device."""
        self._boot = boot
        self._tables.clear()

    async def stop(self) -> None:
        """Let go of what is under way, as when the power goes."""
        tasks = [
            task
            for line in self._lines.values()
            for task in (line.worker, line.running)
            if task is not None
        ]
        self._lines.clear()
        self._accepted.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def receive(self, terminal_id: bytes, message: Command | Question) -> Verdict:
        """Return what to answer; a command that has to run waits for `go_on`."""
        entity = self._entities.get(message.entity)
        action = None if entity is None else _decode(entity, message)
        max_age = DEFAULT_MAX_AGE
        if entity is not None and action is not None:
            max_age = entity.max_age(action)
        table = self._table(terminal_id)
        stamp = (message.id, message.boot, message.born, max_age, self._up())
        if isinstance(message, Question):
            return table.question(*stamp)
        verdict = table.command(*stamp)
        if not verdict.run:
            return verdict
        if entity is None:
            return _finish(table, message.id, Failed("unknown_entity"))
        if action is None:
            return _finish(table, message.id, Failed("invalid_action"))
        until = message.born + max_age
        self._add(entity, _Order(terminal_id, message.id, table, action, until))
        return verdict

    def go_on(self) -> None:
        """Begin what was accepted, now that it is answered; what takes no time is done then."""
        lines, self._accepted = self._accepted, []
        for line in lines:
            line.worker = _start(self._work(line))

    def _table(self, terminal_id: bytes) -> CommandTable:
        """Return the terminal's table; it outlives renewals, being the terminal's own."""
        table = self._tables.pop(terminal_id, None)
        if table is None:
            table = CommandTable(self._boot)
            if len(self._tables) >= TABLES:
                del self._tables[next(iter(self._tables))]
        # The one that was used last is behind all others.
        self._tables[terminal_id] = table
        return table

    def _add(self, entity: AnyEntity, order: _Order) -> None:
        if (line := self._lines.get(entity)) is None:
            line = self._lines[entity] = _Line(entity)
            self._accepted.append(line)
        elif entity.interrupts(order.action):
            while line.orders:
                self._void(line.orders.popleft())
            if line.running is not None:
                line.running.cancel()
        line.orders.append(order)

    async def _work(self, line: _Line) -> None:
        while line.orders:
            order = line.orders.popleft()
            if self._up() > order.until:
                # It has waited too long behind others: nobody wishes it any more.
                self._void(order)
                continue
            ending = await self._carry_out(line, order)
            self._report(
                order.terminal_id,
                order.command_id,
                _finish(order.table, order.command_id, ending),
            )
        del self._lines[line.entity]

    async def _carry_out(self, line: _Line, order: _Order) -> Ending:
        by = f"terminal {order.terminal_id[:4].hex()}"
        line.running = running = _start(line.entity.carry_out(order.action, by))
        try:
            if not running.done():
                # Not the task itself: its being cancelled is not this one's.
                await asyncio.wait([running])
            if running.cancelled():
                return Failed("interrupted")
            return running.result()
        except Exception:
            # Whatever a kind of device does wrong, its terminals get an answer.
            _LOGGER.exception("%s could not carry out a command", line.entity.entity.key)
            return Failed("internal_error")
        finally:
            line.running = None

    def _void(self, order: _Order) -> None:
        """It did not run, and never will."""
        order.table.finish(order.command_id, Result.VOID)
        self._report(order.terminal_id, order.command_id, Verdict(Result.VOID))


def _start[T](work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
    """Begin at once: what need not wait is done when this returns."""
    return asyncio.Task(work, loop=asyncio.get_running_loop(), eager_start=True)


def _decode(entity: AnyEntity, message: Command | Question) -> Action | None:
    try:
        return model.decode_action(message.action, entity.entity)
    except SecurePairError:
        return None


def _finish(table: CommandTable, command_id: bytes, ending: Ending) -> Verdict:
    match ending:
        case Done():
            verdict = Verdict(Result.DONE)
        case Failed(code=code, text=text):
            verdict = Verdict(
                Result.FAILED, code=code[:_TEXT_LIMIT], text=text and text[:_TEXT_LIMIT]
            )
    table.finish(command_id, verdict.result, verdict.code, verdict.text)
    return verdict
