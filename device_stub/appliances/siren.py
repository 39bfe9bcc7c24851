"""A siren that may stop by itself."""

from typing import override

from secure_pair_protocol.model.switching import Siren, SirenAction, SirenState

from ..entity import Ending, Failed
from .parts import NOT_SUPPORTED, Part


class VirtualSiren(Part[Siren, SirenState, SirenAction]):
    """A siren; it only says that it is loud."""

    def __init__(self, entity: Siren) -> None:
        """Begin silent."""
        super().__init__(entity, SirenState(key=entity.key, on=False))
        self.tone: str | None = None
        self.volume: float | None = None
        self._left: float | None = None
        """Seconds until it stops; None: somebody has to stop it."""

    @override
    async def carry_out(self, action: SirenAction, by: str) -> Ending:
        if action.do == "turn_off":
            return self.change(on=False)
        entity = self.entity
        if action.tone is not None and action.tone not in (entity.tones or ()):
            return Failed("out_of_range", f"There is no tone {action.tone!r}.")
        if (action.duration is not None and not entity.duration) or (
            action.volume is not None and not entity.volume
        ):
            return NOT_SUPPORTED
        self.tone, self.volume, self._left = action.tone, action.volume, action.duration
        return self.change(on=True)

    @override
    def step(self) -> None:
        if self.state.on and self._left is not None:
            self._left -= 1
            if self._left <= 0:
                self.change(on=False)
