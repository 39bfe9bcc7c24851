"""Security events, in the words of the logbook."""

from collections.abc import Callable
from typing import Final

from homeassistant.components.logbook.const import LOGBOOK_ENTRY_MESSAGE, LOGBOOK_ENTRY_NAME
from homeassistant.core import Event, HomeAssistant, callback

from .const import DOMAIN
from .troubles import EVENT_SECURITY, SecurityEvent

_MESSAGES: Final = {
    SecurityEvent.PAIRED: "was paired",
    SecurityEvent.RENEWED: "has a new session key",
    SecurityEvent.REFUSED: "refused a negotiation, or was refused",
    SecurityEvent.WRONG_DEVICE: "was not there: another device answers at its address",
    SecurityEvent.FORGED_RECORD: "was cut off: an encrypted message had been altered on the way",
    SecurityEvent.REVOKED: "has revoked this Home Assistant",
    SecurityEvent.TERMINAL_PAIRED: "was paired with another terminal",
    SecurityEvent.TERMINAL_REVOKED: "has revoked another terminal",
    SecurityEvent.TERMINAL_UNPAIRED: "was unpaired from another terminal",
}


@callback
def async_describe_events(
    hass: HomeAssistant,
    async_describe_event: Callable[[str, str, Callable[[Event], dict[str, str]]], None],
) -> None:
    """Give the logbook its words."""

    @callback
    def describe(event: Event) -> dict[str, str]:
        return {
            LOGBOOK_ENTRY_NAME: event.data["name"],
            LOGBOOK_ENTRY_MESSAGE: _MESSAGES[SecurityEvent(event.data["type"])],
        }

    async_describe_event(DOMAIN, EVENT_SECURITY, describe)
