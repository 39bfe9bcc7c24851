"""A type for secrets: it does not print, compare, hash or pickle."""

from typing import Never, override


class Secret:
    """Key material that can only be read by asking for it with `reveal`.

    Whatever formats it (a log, an exception, a diagnostic, an f-string) gets a constant.

    To erase one is to let go of it: steps are functions, and what only a step needs goes
    with its locals. Its memory is free then, not overwritten: Python's `bytes` cannot be, and
    the primitives take and return those.
    """

    __slots__ = ("_value",)

    def __init__(self, value: bytes) -> None:
        """Wrap the bytes of a secret."""
        self._value = value

    def reveal(self) -> bytes:
        """Return the bytes, for a primitive or for the key store."""
        return self._value

    @override
    def __repr__(self) -> str:
        return "Secret(...)"

    @override
    def __format__(self, format_spec: str) -> str:
        return repr(self)

    @override
    def __eq__(self, other: object) -> Never:
        msg = "secrets are not compared; verify a tag in constant time instead"
        raise TypeError(msg)

    @override
    def __hash__(self) -> Never:
        msg = "secrets are not hashed"
        raise TypeError(msg)

    @override
    def __reduce_ex__(self, protocol: object) -> Never:
        msg = "secrets are not pickled or copied"
        raise TypeError(msg)
