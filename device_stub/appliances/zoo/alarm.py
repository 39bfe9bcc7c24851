"""An alarm control panel."""

import asyncio
from hmac import compare_digest
from typing import override

from secure_pair_protocol.model.access import (
    AlarmControlPanel,
    AlarmControlPanelAction,
    AlarmControlPanelState,
    AlarmPosition,
)
from secure_pair_protocol.secret import Secret

from ...entity import Done, Ending, Failed
from ..pace import Pace
from ..parts import INCOMPLETE, Part

EXIT_SECONDS = 3
"""To leave the house, after it was armed."""

ENTRY_SECONDS = 3
"""To disarm it, before it makes a noise."""


class VirtualAlarm(Part[AlarmControlPanel, AlarmControlPanelState, AlarmControlPanelAction]):
    """A virtual alarm control panel."""

    def __init__(self, entity: AlarmControlPanel, pace: Pace, *, code: str | None = None) -> None:
        """Begin disarmed."""
        state = AlarmControlPanelState(key=entity.key, position=AlarmPosition.DISARMED)
        super().__init__(entity, state)
        self._pace = pace
        self._code = None if code is None else Secret(code.encode())

    @override
    def interrupts(self, action: AlarmControlPanelAction) -> bool:
        # With a wrong code nothing shall be disarmed by the way.
        return action.do == "disarm" and self._knows(action.code)

    @override
    async def carry_out(self, action: AlarmControlPanelAction, by: str) -> Ending:
        asks = action.do == "disarm" or (action.do == "arm" and self.entity.code_to_arm)
        if asks and not self._knows(action.code):
            return Failed("wrong_code", "This is not the code.")
        match action.do:
            case "arm":
                return await self._arm(action, by)
            case "disarm":
                return self.change(position=AlarmPosition.DISARMED, changed_by=by)
            case "trigger":
                if not self.entity.trigger:
                    return Failed("not_supported", "It cannot be triggered from afar.")
                return await self._go(
                    AlarmPosition.PENDING, AlarmPosition.TRIGGERED, ENTRY_SECONDS, by
                )

    async def _arm(self, action: AlarmControlPanelAction, by: str) -> Ending:
        if action.mode is None:
            return INCOMPLETE
        if action.mode not in self.entity.modes:
            return Failed("not_supported", f"There is no mode {action.mode}.")
        if self.state.position is AlarmPosition.TRIGGERED:
            return Failed("not_now", "It has been triggered.")
        armed = AlarmPosition(f"armed_{action.mode}")
        if self.state.position is armed:
            return Done()
        return await self._go(AlarmPosition.ARMING, armed, EXIT_SECONDS, by)

    async def _go(
        self, meanwhile: AlarmPosition, target: AlarmPosition, seconds: float, by: str
    ) -> Ending:
        before = self.state.position
        self.change(position=meanwhile, changed_by=by)
        try:
            await self._pace.take(seconds)
        except asyncio.CancelledError:
            self.change(position=before)
            raise
        return self.change(position=target)

    def _knows(self, code: str | None) -> bool:
        return self._code is None or compare_digest(
            self._code.reveal(), b"" if code is None else code.encode()
        )
