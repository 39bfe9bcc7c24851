"""Commands, at most once and in order (docs/protocol.md, section 10)."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial

from secure_pair_protocol import model
from secure_pair_protocol.commands import CommandTable, Verdict
from secure_pair_protocol.envelope import Command, Question, Result
from secure_pair_protocol.errors import SecurePairError
from secure_pair_protocol.model import DEFAULT_MAX_AGE, Action

from .entity import AnyEntity, Done, Ending, Failed

_LOGGER = logging.getLogger(__name__)

TABLES = 64
"""Tables kept; a device holds 8 terminals at a time, but they may come and go. One goes only
when all of its entries would: or what has run could run again."""

_TEXT_LIMIT = 255

type Report = Callable[[bytes, bytes, Verdict], None]
"""Tells a terminal (its id) what became of a command (its id)."""


@dataclass(slots=True)
class _Order:
    """A command that has to run."""

    terminal_id: bytes
    command_id: bytes
    table: CommandTable
    action: Action
    until: int
    """The last moment, in the device's `up`, to begin it."""
    reported: bool = False
    """It has ended, and its terminal was told."""


@dataclass(slots=True)
class _Line:
    """One entity, and the commands that wait for it."""

    entity: AnyEntity
    orders: deque[_Order] = field(default_factory=deque)
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
        self._up = up
        self._report = report
        self._boot = b""
        self._tables: dict[bytes, CommandTable] = {}
        self._evicted = -1
        """The greatest `ev` of the tables that have gone."""

    def begin(self, boot: bytes) -> None:
        """Forget all commands, as at each start of the device."""
        self._boot = boot
        self._tables.clear()
        self._evicted = -1

    async def stop(self) -> None:
        """Let go of what is under way, as when the power goes."""
        tasks = [line.running for line in self._lines.values() if line.running is not None]
        self._lines.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def receive(self, terminal_id: bytes, message: Command | Question) -> Verdict | None:
        """Begin what has to run; return what to answer.

        None: it took no time, and has been reported to all connections of its terminal.
        """
        entity = self._entities.get(message.entity)
        action = None if entity is None else _decode(entity, message)
        max_age = DEFAULT_MAX_AGE
        if entity is not None and action is not None:
            max_age = entity.max_age(action)
        if (table := self._table(terminal_id)) is None:
            return Verdict(Result.BUSY)
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
        order = _Order(terminal_id, message.id, table, action, message.born + max_age)
        self._add(entity, order)
        return None if order.reported else verdict

    def _table(self, terminal_id: bytes) -> CommandTable | None:
        """Return the terminal's table; it outlives renewals, being the terminal's own.

        None: there is no room for another one.
        """
        table = self._tables.pop(terminal_id, None)
        if table is None:
            if len(self._tables) >= TABLES and not self._make_room():
                return None
            table = CommandTable(self._boot, evicted=self._evicted)
        # The one that was used last is behind all others.
        self._tables[terminal_id] = table
        return table

    def _make_room(self) -> bool:
        """Let the table go that was used longest ago, of those that may go."""
        for terminal_id, table in self._tables.items():
            if (evicted := table.retired(self._up())) is not None:
                del self._tables[terminal_id]
                self._evicted = max(self._evicted, evicted)
                return True
        return False

    def _add(self, entity: AnyEntity, order: _Order) -> None:
        if (line := self._lines.get(entity)) is None:
            line = self._lines[entity] = _Line(entity)
        elif entity.interrupts(order.action):
            while line.orders:
                self._void(line.orders.popleft())
            if line.running is not None:
                line.running.cancel()
        line.orders.append(order)
        if line.running is None:
            self._go_on(line)

    def _go_on(self, line: _Line) -> None:
        """Carry out what waits for this entity, as far as it takes no time."""
        while line.orders:
            order = line.orders.popleft()
            if self._up() > order.until:
                # It has waited too long behind others: nobody wishes it any more.
                self._void(order)
                continue
            by = f"terminal {order.terminal_id[:4].hex()}"
            # Begins at once: what need not wait is done when the task is there.
            running = asyncio.Task(
                line.entity.carry_out(order.action, by),
                loop=asyncio.get_running_loop(),
                eager_start=True,
            )
            if not running.done():
                line.running = running
                running.add_done_callback(partial(self._ended, line, order))
                return
            self._end(line, order, running)
        del self._lines[line.entity]

    def _ended(self, line: _Line, order: _Order, running: asyncio.Task[Ending]) -> None:
        if self._lines.get(line.entity) is line:
            line.running = None
            self._end(line, order, running)
            self._go_on(line)

    def _end(self, line: _Line, order: _Order, running: asyncio.Task[Ending]) -> None:
        if running.cancelled():
            ending: Ending = Failed("interrupted")
        elif (error := running.exception()) is not None:
            # Whatever a kind of device does wrong, its terminals get an answer.
            key = line.entity.entity.key
            _LOGGER.error("%s could not carry out a command", key, exc_info=error)
            ending = Failed("internal_error")
        else:
            ending = running.result()
        self._tell(order, _finish(order.table, order.command_id, ending))

    def _void(self, order: _Order) -> None:
        """It did not run, and never will."""
        order.table.finish(order.command_id, Result.VOID)
        self._tell(order, Verdict(Result.VOID))

    def _tell(self, order: _Order, verdict: Verdict) -> None:
        order.reported = True
        self._report(order.terminal_id, order.command_id, verdict)


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
