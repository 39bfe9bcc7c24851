"""Bytes that somebody makes who wants a reader to fall over."""

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

import msgspec
from hypothesis import strategies as st

from .contract import Target

type Encode = Callable[[Any], bytes]

ODD: tuple[Any, ...] = (
    None,
    True,
    -1,
    0,
    2**63,
    2**64 - 1,
    1.5,
    "",
    "\0",
    "x" * 300,
    "\N{PILE OF POO}",
    [],
    [[[[]]]],
    {},
    {"": None},
)
"""Values that hardly any field takes."""


def spliced(seed: bytes) -> st.SearchStrategy[bytes]:
    """Draw the seed with a stretch of it replaced by other bytes."""

    def put(cut: tuple[int, int], what: bytes) -> bytes:
        start, end = sorted(cut)
        return seed[:start] + what + seed[end:]

    place = st.integers(0, len(seed))
    return st.builds(
        put,
        st.tuples(place, place) | place.map(lambda at: (at, min(at + 1, len(seed)))),
        st.binary(max_size=8) | st.sampled_from([b"\xdd\xff\xff\xff\xff", b"\x91" * 200, b"["]),
    )


def with_odd_field(tree: Any, encode: Encode) -> st.SearchStrategy[bytes]:
    """Draw the encoded tree with one of its values replaced, left out or doubled."""
    places = [*_places(tree)]
    return st.builds(
        lambda place, odd: encode(_replaced(tree, place, odd)),
        st.sampled_from(places),
        st.sampled_from(ODD) | st.binary(max_size=40).map(bytes.hex) | st.integers(-300, 300),
    )


def _places(tree: Any, above: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield above
    match tree:
        case dict():
            for key, value in tree.items():
                yield from _places(value, (*above, key))
        case list():
            for at, value in enumerate(tree):
                yield from _places(value, (*above, at))


def _replaced(tree: Any, place: tuple[Any, ...], by: Any) -> Any:
    if not place:
        return by
    first, *rest = place
    copy = tree.copy()
    copy[first] = _replaced(tree[first], tuple(rest), by)
    return copy


def inputs(target: Target) -> st.SearchStrategy[bytes]:
    """Draw arbitrary bytes, and what was a good input until somebody altered it."""
    seed = st.sampled_from(target.seeds)
    drawn = st.binary(max_size=200) | seed | seed.flatmap(spliced)
    if trees := [*decoded(target.seeds)]:
        drawn |= st.sampled_from(trees).flatmap(lambda each: with_odd_field(*each))
    return drawn.filter(lambda data: len(data) <= target.limit)


def decoded(seeds: tuple[bytes, ...]) -> Iterator[tuple[Any, Encode]]:
    """Yield what seeds say, and how to say it again."""
    for seed in seeds:
        for codec in (msgspec.json, msgspec.msgpack):
            try:
                tree = codec.decode(seed)
            except msgspec.DecodeError, UnicodeDecodeError:
                continue
            if isinstance(tree, dict | list):
                yield tree, codec.encode


def bombs(target: Target) -> Iterator[bytes]:
    """Yield inputs as long as a frame allows that promise much more, or nest without end."""
    for opening in (b"\x91", b"\x81\xc0", b"\x81\xa1x", b"[", b'{"x":'):
        yield (opening * target.limit)[: target.limit]
    for (head, tail), fillings in islice(_templates(target.seeds), _TEMPLATES):
        room = target.limit - len(head) - len(tail)
        yield from (head + filling + tail for filling in fillings(room))


_TEMPLATES = 120
"""How many places of a target's seeds are tried: each costs some ten inputs of full length."""

_MARK = "\N{DAGGER}"


def _templates(
    seeds: tuple[bytes, ...],
) -> Iterator[tuple[tuple[bytes, bytes], Callable[[int], Iterator[bytes]]]]:
    """Yield what is before and behind each value of the seeds, and what fits in between."""
    seen: set[bytes] = set()
    for tree, encode in decoded(seeds):
        mark = encode(_MARK)
        fillings = _json_fillings if encode is msgspec.json.encode else _msgpack_fillings
        for place in _places(tree):
            head, _, tail = encode(_replaced(tree, place, _MARK)).partition(mark)
            if head not in seen:
                seen.add(head)
                yield (head, tail), fillings


def _msgpack_fillings(room: int) -> Iterator[bytes]:
    yield b"\x91" * (room - 1) + b"\xc0"
    yield b"\x81\xa0" * (room // 2 - 1) + b"\xc0"
    yield b"\x91" * room
    for kind in (b"\xdd", b"\xdf", b"\xdb", b"\xc6", b"\xc9"):
        # Array, map, text, bytes, extension: as long as there is room, and longer.
        for length in (room - 5, (room - 5) // 2, 2**32 - 1):
            yield kind + length.to_bytes(4) + b"\xc0" * (room - 5)


def _json_fillings(room: int) -> Iterator[bytes]:
    for opening, closing in ((b"[", b"]"), (b'{"x":', b"}")):
        depth = room // (len(opening) + len(closing)) - 1
        yield opening * depth + b"0" + closing * depth
        yield opening * depth
    yield b"9" * room
    yield b'"' + b"\\u0000" * (room // 6 - 1) + b'"'
    yield b"[" + b"0," * (room // 2 - 2) + b"0]"
