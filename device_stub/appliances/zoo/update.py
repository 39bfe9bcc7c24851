"""Firmware that is renewed."""

from typing import override

from secure_pair_protocol.model.reporting import Update, UpdateAction, UpdateState

from ...entity import Done, Ending, Failed
from ..pace import Pace
from ..parts import NOT_SUPPORTED, Part

VERSIONS = ("1.0.0", "1.1.0", "2.0.0")
INSTALL_SECONDS = 10
STRIDE = 10
"""Percent between two states on the way."""


class VirtualUpdate(Part[Update, UpdateState, UpdateAction]):
    """A virtual update; the oldest version is installed."""

    def __init__(self, entity: Update, pace: Pace) -> None:
        """Begin before the update."""
        state = UpdateState(
            key=entity.key,
            installed=VERSIONS[0],
            latest=VERSIONS[-1],
            title="Virtual firmware",
            summary="Nothing in it is real.",
        )
        super().__init__(entity, state)
        self.backups = 0
        """How many have been made."""
        self._pace = pace

    @override
    async def carry_out(self, action: UpdateAction, by: str) -> Ending:
        entity = self.entity
        if (
            not entity.install
            or (action.version is not None and not entity.specific_version)
            or (action.backup and not entity.backup)
        ):
            return NOT_SUPPORTED
        version = action.version or VERSIONS[-1]
        if version not in VERSIONS:
            return Failed("out_of_range", f"There is no version {version}.")
        if version == self.state.installed:
            return Done()
        self.backups += action.backup
        try:
            for percent in range(0, 100, STRIDE):
                self._show(percent)
                await self._pace.take(INSTALL_SECONDS * STRIDE / 100)
        finally:
            # Without power nothing of it is left.
            self.change(in_progress=False, percentage=None)
        return self.change(installed=version)

    def _show(self, percent: int) -> None:
        self.change(in_progress=True, percentage=percent if self.entity.progress else None)
