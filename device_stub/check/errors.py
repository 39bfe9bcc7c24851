"""What ends a check; none of the texts holds a secret."""


class FoundError(Exception):
    """The device did something that docs/protocol.md does not allow."""


class RefusalError(FoundError):
    """The device answered with an Error frame."""

    def __init__(self, code: str) -> None:
        """Keep its code."""
        super().__init__(f"the device refused: {code}")
        self.code = code


class EndedError(FoundError):
    """The device ended the connection without a word."""

    def __init__(self) -> None:
        """Need nothing."""
        super().__init__("the device ended the connection")


class SilentError(FoundError):
    """The device neither answered nor ended the connection in time."""

    def __init__(self) -> None:
        """Need nothing."""
        super().__init__("the device neither answered nor ended the connection")


class NotTriedError(Exception):
    """The check cannot be made here; the text says why."""


class CannotCheckError(Exception):
    """No check can be made at all, or none any more: the text says what is missing."""
