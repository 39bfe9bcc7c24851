"""The encrypted channel, and what travels inside."""

from secure_pair_protocol import model
from secure_pair_protocol.envelope import (
    Close,
    ListTerminals,
    Picture,
    PictureRequest,
    Ping,
    Pong,
    Terminals,
)

from .bench import Bench
from .errors import FoundError
from .finding import Check
from .talk import NOTHING, Talk

GARBAGE = (b"", b"\xc1", b"\x80", b"\x91\x63", b"\x92\x00\x01")
"""Plaintexts that are no message."""


async def _ends_without_answer(talk: Talk, *records: bytes, pongs: int = 0) -> None:
    """Demand the end, and no more answers than these."""
    for record in records:
        talk.line.write(record)
    story = await talk.ended()
    answered = sum(isinstance(message, Pong) for message in story)
    if answered > pongs:
        raise FoundError(f"it answered {answered} records instead of {pongs}")


async def _ends_on_altered_records(bench: Bench) -> None:
    for place in (2, -1):
        talk = await bench.talk()
        record = bytearray(talk.seal(Ping()))
        record[place] ^= 1
        await _ends_without_answer(talk, bytes(record))


async def _ends_on_repeated_records(bench: Bench) -> None:
    talk = await bench.talk()
    record = talk.seal(Ping())
    await _ends_without_answer(talk, record, record, pongs=1)


async def _ends_on_missing_records(bench: Bench) -> None:
    talk = await bench.talk()
    lost, later = talk.seal(Ping()), talk.seal(Ping())
    await _ends_without_answer(talk, later, lost)


async def _ends_on_records_of_another(bench: Bench) -> None:
    """Each connection has keys of its own."""
    first = await bench.talk()
    record = first.seal(Ping())
    first.abort()
    await _ends_without_answer(await bench.talk(), record)


async def _ends_on_garbage(bench: Bench) -> None:
    for plaintext in GARBAGE:
        talk = await bench.talk()
        await _ends_without_answer(talk, talk.seal(plaintext))
    await _ends_without_answer(await bench.talk(), bytes(2))


async def _describes(bench: Bench) -> None:
    """Everything in the Description and the full States can be shown."""
    talk = await bench.talk()
    entities = {}
    for raw in talk.description.entities:
        entity = model.decode_entity(raw)
        if entity.key in entities:
            raise FoundError(f"the key {entity.key} is there twice")
        entities[entity.key] = entity
    devices = {model.decode_further_device(raw).key for raw in talk.description.devices}
    for entity in entities.values():
        if entity.device is not None and entity.device not in devices:
            raise FoundError(f"{entity.key} belongs to a device that is not described")
    reported = set()
    for raw in talk.states.states:
        reported.add(key := model.state_key(raw))
        if key not in entities:
            raise FoundError(f"a state of {key}, which is not described")
        model.decode_state(raw, entities[key])
    for key, entity in entities.items():
        if key not in reported and model.KINDS[model.kind_name(entity)].state is not None:
            raise FoundError(f"the full States say nothing of {key}")


async def _answers_pings(bench: Bench) -> None:
    """`Talk` has an eye on `up`."""
    talk = await bench.talk()
    for _ in range(3):
        await talk.now()


async def _lists_terminals(bench: Bench) -> None:
    talk = await bench.talk()
    for request in (1, (1 << 32) - 1):
        talk.send(ListTerminals(request))
        answer = await talk.until(Terminals)
        if answer.request != request:
            raise FoundError("it answers another request")
        own = [t for t in answer.terminals if t.terminal_id == bench.authority.terminal_id]
        if len(own) != 1 or not own[0].connected:
            raise FoundError("this terminal is not in the list, connected and once")
        if (own[0].remaining is None) != (talk.welcome.remaining is None):
            raise FoundError("`remaining` is not that of the Welcome")


async def _has_no_picture_of_nothing(bench: Bench) -> None:
    talk = await bench.talk()
    talk.send(PictureRequest(7, NOTHING))
    answer = await talk.until(Picture)
    if answer.request != 7 or answer.data:  # noqa: PLR2004 - the number above
        raise FoundError("a picture of an entity that is not there")


async def _ends_on_close(bench: Bench) -> None:
    talk = await bench.talk()
    talk.send(Close())
    await talk.ended()
    if not await bench.knows(bench.session):
        raise FoundError("the session is gone")


CHECKS = (
    Check("ends a connection with an altered record", 7, _ends_on_altered_records),
    Check("ends a connection with a repeated record", 7, _ends_on_repeated_records),
    Check("ends a connection with a record missing", 7, _ends_on_missing_records),
    Check("ends a connection with another connection's record", 7, _ends_on_records_of_another),
    Check("ends a connection with a plaintext that is no message", 8, _ends_on_garbage),
    Check("describes entities and states that can be shown", 8, _describes),
    Check("answers each Ping, and `up` never falls", 8, _answers_pings),
    Check("lists this terminal", 8, _lists_terminals),
    Check("has an empty picture of an unknown entity", 8, _has_no_picture_of_nothing),
    Check("ends a connection at Close, and keeps the session", 8, _ends_on_close),
)
