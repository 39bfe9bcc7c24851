"""What the attacker knows, and all that he can make of it."""

from collections.abc import Mapping
from functools import cached_property
from typing import Self

from secure_pair_protocol.messages import Challenge, Message

from .terms import TERMS, Box, Fresh, Join, Payload, Point

type Answers = Mapping[bytes, list[tuple[bytes, ...]]]
"""What the key service gives the attacker, and what he has to send for it."""


class Knowledge:
    """Closed under taking apart; `derives` tells what can be put together.

    What the key service would answer him counts as known as soon as he could ask: so nothing
    bounds how often he asks.
    """

    def __init__(self, answers: Answers, known: frozenset[bytes] = frozenset()) -> None:
        """`known` is closed already."""
        self.known = known
        self.answers = answers
        self._derived: dict[bytes, bool] = {}

    def learning(self, *names: bytes, answers: Answers | None = None) -> Self:
        """Return what he knows when he has heard these as well."""
        waiting = [name for name in names if name in TERMS and name not in self.known]
        if not waiting and (answers is None or answers is self.answers):
            return self
        known = set(self.known)
        sealed = [name for name in known if isinstance(TERMS[name], Box)]
        while waiting:
            while waiting:
                name = waiting.pop()
                if name in known:
                    continue
                known.add(name)
                match term := TERMS[name]:
                    case Join() | Payload():
                        waiting += [part for part in term.made_from if part in TERMS]
                    case Box(nonce=nonce):
                        waiting.append(nonce)
                        sealed.append(name)
            # A key may have come, or what it is made from.
            now = type(self)(self.answers, frozenset(known))
            for box in [box for box in sealed if now._opens(box)]:
                sealed.remove(box)
                term = TERMS[box]
                assert isinstance(term, Box)
                waiting += [field for field in term.fields if field in TERMS and field not in known]
        return type(self)(self.answers if answers is None else answers, frozenset(known))

    def _opens(self, box: bytes) -> bool:
        term = TERMS[box]
        assert isinstance(term, Box)
        return self.derives(term.key)

    def derives(self, name: bytes) -> bool:
        """Tell whether he can make this term, or has it."""
        if name in self.known or name not in TERMS:
            return True
        if (derived := self._derived.get(name)) is None:
            derived = self._derived[name] = self._makes(name) or self._is_told(name)
        return derived

    def _makes(self, name: bytes) -> bool:
        match term := TERMS[name]:
            case Fresh():
                return False
            case Point():
                return self._reaches(term)
        return all(map(self.derives, term.made_from))

    def _is_told(self, name: bytes) -> bool:
        return any(all(map(self.derives, asked)) for asked in self.answers.get(name, ()))

    def _reaches(self, aim: Point) -> bool:
        """Tell whether private keys of his own lead there, multiplied or divided by."""
        foreign = self._foreign(aim.private_keys)
        return foreign in self._points.get(aim.base, ()) or (
            not foreign and (not aim.base or self.derives(aim.base))
        )

    def _foreign(self, private_keys: tuple[bytes, ...]) -> tuple[bytes, ...]:
        """Return the private keys that he does not have."""
        return tuple(key for key in private_keys if not self.derives(key))

    @cached_property
    def _points(self) -> dict[bytes, set[tuple[bytes, ...]]]:
        """Return what the points that he has are multiplied by, but for his own keys."""
        found: dict[bytes, set[tuple[bytes, ...]]] = {}
        for name in self.known:
            if isinstance(term := TERMS[name], Point):
                found.setdefault(term.base, set()).add(self._foreign(term.private_keys))
        return found

    # From which he chooses. Sorted: a search takes the same way each time.

    @cached_property
    def public_keys(self) -> list[bytes]:
        found = []
        for name in self.known:
            match TERMS[name]:
                case Point(private_keys=(_,), clothes=0, base=b""):
                    found.append(name)
        return sorted(found)

    @cached_property
    def _fresh(self) -> dict[str, list[bytes]]:
        found: dict[str, list[bytes]] = {}
        for name in sorted(self.known):
            match TERMS[name]:
                case Fresh(what=what):
                    found.setdefault(what, []).append(name)
        return found

    def drawn(self, what: str) -> list[bytes]:
        """Return what he has seen of one sort."""
        return self._fresh.get(what, [])

    @cached_property
    def challenges(self) -> tuple[bytes, ...]:
        """All that an m2 is made of, or was."""
        seen = (
            name
            for name in self.known
            if isinstance(term := TERMS[name], Payload) and isinstance(term.message, Challenge)
        )
        return (*self.drawn("first data"), *self.drawn("installation"), *sorted(seen))

    def messages[M: Message](self, kind: type[M]) -> list[M]:
        terms = (TERMS[name] for name in sorted(self.known))
        return [
            term.message
            for term in terms
            if isinstance(term, Payload) and isinstance(term.message, kind)
        ]

    @cached_property
    def boxes(self) -> dict[tuple[bytes, bytes], list[bytes]]:
        """Each box that he has seen, by the key and the context that it opens with."""
        found: dict[tuple[bytes, bytes], list[bytes]] = {}
        for name in sorted(self.known):
            match TERMS[name]:
                case Box(key=key, aad=aad):
                    found.setdefault((key, aad), []).append(name)
        return found
