"""What goes wrong between a device and this terminal, and what the user is told of it.

Each failure that a user can do something about has a repair, which goes away by itself
when it is over. Anybody on the network can make failures happen: so each is told once.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import StrEnum
from time import monotonic
from typing import Final

from homeassistant.config_entries import SOURCE_REAUTH, ConfigEntry, ConfigEntryState
from homeassistant.const import ATTR_DEVICE_ID
from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers import issue_registry as ir
from homeassistant.util.hass_dict import HassKey

from .const import CONF_DEVICE_ID, CONF_REASON, CONF_REGISTRY_ID, DOMAIN
from .protocol.envelope import Notice, NoticeKind
from .protocol.errors import Failure

QUIET_SECONDS: Final = 3600
"""How long what was told is not told again."""

LONGEST_QUIET_SECONDS: Final = 86400
"""What that grows to, doubling each time, for what asks something of the user."""


EVENT_SECURITY: Final = f"{DOMAIN}_security"
"""On the bus, for the logbook; automations take the event entity."""

_PAIRED: HassKey[set[str]] = HassKey(f"{DOMAIN}.paired")
"""Devices that were paired, which nobody was told yet."""


class SecurityEvent(StrEnum):
    """What may happen to a pairing."""

    PAIRED = "paired"
    RENEWED = "renewed"
    REFUSED = "refused"
    WRONG_DEVICE = "wrong_device"
    FORGED_RECORD = "forged_record"
    REVOKED = "revoked"
    TERMINAL_PAIRED = "terminal_paired"
    TERMINAL_REVOKED = "terminal_revoked"
    TERMINAL_UNPAIRED = "terminal_unpaired"


@dataclass(frozen=True, slots=True)
class _Told:
    at: float
    """Monotonic, in seconds."""
    quiet: float
    """Seconds from then on in which it is not told again."""


@dataclass(slots=True)
class _Kept:
    """What outlives the set-ups of one entry, while Home Assistant runs."""

    told: dict[tuple[str, ...], _Told] = field(default_factory=dict)
    unheard: dict[tuple[str, ...], tuple[SecurityEvent, dict[str, str]]] = field(
        default_factory=dict
    )
    """Events from before the entry was loaded, for the event entity; of equal ones the last."""


_KEPT: HassKey[dict[str, _Kept]] = HassKey(f"{DOMAIN}.troubles")
"""By entry id."""


_NOTICES: Final = {
    NoticeKind.PAIRED: SecurityEvent.TERMINAL_PAIRED,
    NoticeKind.REVOKED: SecurityEvent.TERMINAL_REVOKED,
    NoticeKind.UNPAIRED: SecurityEvent.TERMINAL_UNPAIRED,
}


@dataclass(frozen=True, slots=True)
class _Trouble:
    event: SecurityEvent | None = None
    repair: bool = False
    reauth: bool = False


_TROUBLES: Final = {
    Failure.SESSION_NOT_STORED: _Trouble(reauth=True),
    Failure.TOKEN_REFUSED: _Trouble(reauth=True),
    Failure.WRONG_DEVICE: _Trouble(SecurityEvent.WRONG_DEVICE),
    Failure.RECORD_FAILED: _Trouble(SecurityEvent.FORGED_RECORD),
    Failure.TERMINAL_REVOKED: _Trouble(SecurityEvent.REVOKED, repair=True),
    Failure.DEVICE_RESET: _Trouble(SecurityEvent.REFUSED, repair=True, reauth=True),
    Failure.TABLE_FULL: _Trouble(SecurityEvent.REFUSED, repair=True),
    Failure.AUTHORIZATION_REJECTED: _Trouble(SecurityEvent.REFUSED, repair=True),
    Failure.EPOCH_REFUSED: _Trouble(SecurityEvent.REFUSED, repair=True),
    Failure.DEVICE_UNPROVEN: _Trouble(SecurityEvent.REFUSED, repair=True),
    Failure.TERMINAL_UNPROVEN: _Trouble(SecurityEvent.REFUSED, repair=True),
    Failure.NOT_YOURS: _Trouble(repair=True),
    Failure.IDENTITY_IN_USE: _Trouble(repair=True),
    Failure.VERSION_NOT_SUPPORTED: _Trouble(repair=True),
}
"""Every other failure passes by itself, and is only in the log."""

REAUTH_STEPS: Final[dict[str | None, str]] = {
    Failure.TOKEN_REFUSED: "reauth_token",
    Failure.SESSION_NOT_STORED: "reauth_lost",
    Failure.SESSION_UNKNOWN: "reauth_unknown",
    Failure.DEVICE_RESET: "reauth_reset",
}
"""Where a reauthentication begins, and says why there is one."""
_TOKEN_STEP: Final = REAUTH_STEPS[Failure.TOKEN_REFUSED]

_ANYBODYS: Final = frozenset({Failure.DEVICE_RESET, Failure.SESSION_UNKNOWN})
"""Reasons to ask that anybody on the network can bring about, in a plaintext refusal too."""

_KEY_SERVICES: Final = frozenset({Failure.NOT_YOURS})
"""What only a key service says, and not whoever is on the way: over with a new session."""

KEY_RUNS_OUT: Final = "key_runs_out"
"""The repair for a key that could not be renewed, with a quarter of its lifetime left."""

REPAIRS: Final = frozenset(
    {KEY_RUNS_OUT, *(failure.value for failure, trouble in _TROUBLES.items() if trouble.repair)}
)


class Troubles:
    """One entry's troubles, from the first sign to the end."""

    def __init__(self, hass: HomeAssistant, entry: ConfigEntry) -> None:
        """Begin without any."""
        self._hass = hass
        self._entry = entry
        self._kept = hass.data.setdefault(_KEPT, {}).setdefault(entry.entry_id, _Kept())
        self._listener: Callable[[SecurityEvent, dict[str, str]], None] | None = None

    @callback
    def failed(self, failure: Failure) -> None:
        """Tell of a failure what there is to tell."""
        trouble = _TROUBLES.get(failure, _Trouble())
        if trouble.event is not None:
            self.tell(trouble.event, reason=failure.value)
        if trouble.repair:
            self.raise_repair(failure.value)
        if trouble.reauth:
            self.pair_again(failure)

    @callback
    def pair_again(self, failure: Failure) -> None:
        """Ask for what only the user has, or may decide; once, until it is answered."""
        # Whoever has brought it about may let a connection pass, and begin again.
        if failure in _ANYBODYS:
            is_shown = any(self._entry.async_get_active_flows(self._hass, {SOURCE_REAUTH}))
            if not self._may_show("question", failure, is_shown=is_shown):
                return
        self._entry.async_start_reauth(self._hass, data={CONF_REASON: failure.value})

    @callback
    def connected(self) -> None:
        """Take back what is over when the device and this terminal understand each other."""
        for repair in REPAIRS - {KEY_RUNS_OUT} - _KEY_SERVICES:
            self.take_back(repair)
        self._take_back_questions(set(REAUTH_STEPS.values()) - {_TOKEN_STEP})

    @callback
    def renewed(self) -> None:
        """Take back the rest, and tell: the key service has agreed as well."""
        for repair in _KEY_SERVICES:
            self.take_back(repair)
        self._take_back_questions({_TOKEN_STEP})
        self.tell(SecurityEvent.RENEWED)

    @callback
    def raise_repair(self, repair: str) -> None:
        """Show a repair; one that has gone by itself does not come back for a while."""
        issue = issue_id(self._entry.entry_id, repair)
        is_shown = ir.async_get(self._hass).async_get_issue(DOMAIN, issue) is not None
        if not self._may_show("repair", repair, is_shown=is_shown):
            return
        ir.async_create_issue(
            self._hass,
            DOMAIN,
            issue,
            data={"entry_id": self._entry.entry_id},
            is_fixable=True,
            severity=ir.IssueSeverity.WARNING,
            translation_key=repair,
            translation_placeholders={"device": self._entry.title},
        )

    @callback
    def take_back(self, repair: str) -> None:
        """Take one repair back."""
        ir.async_delete_issue(self._hass, DOMAIN, issue_id(self._entry.entry_id, repair))

    @callback
    def _take_back_questions(self, steps: set[str]) -> None:
        """Close the reauthentication that waits at one of these: its answer is not needed."""
        for flow in list(self._entry.async_get_active_flows(self._hass, {SOURCE_REAUTH})):
            if flow.get("step_id") in steps:
                self._hass.config_entries.flow.async_abort(flow["flow_id"])

    @callback
    def tell(self, event: SecurityEvent, **attributes: str) -> None:
        """Tell of a security event, unless the same was told a moment ago."""
        reason = attributes.get("reason")
        # Where it has one, anybody on the network can bring it about.
        if reason and not self._may_tell("event", event, reason, longest=QUIET_SECONDS):
            return
        told = {"type": event.value, "name": self._entry.title, **attributes}
        if (device_id := self._registered_id()) is not None:
            told[ATTR_DEVICE_ID] = device_id
        self._hass.bus.async_fire(EVENT_SECURITY, told)
        if self._listener is not None:
            self._listener(event, attributes)
        elif self._entry.state is not ConfigEntryState.LOADED:
            self._kept.unheard[event, *attributes.values()] = (event, attributes)

    def _registered_id(self) -> str | None:
        """Return which device's page shows it; None: it has not described itself yet."""
        data = self._entry.data
        identifier = (DOMAIN, data.get(CONF_REGISTRY_ID, data[CONF_DEVICE_ID]))
        registry = dr.async_get(self._hass)
        device = registry.async_get_device_by_identifier(identifier, self._entry.entry_id)
        return None if device is None else device.id

    def _may_show(self, *what: str, is_shown: bool) -> bool:
        """Tell whether to show what asks something of the user: ever more seldom."""
        if is_shown and (told := self._kept.told.get(what)) is not None:
            # It is quiet from the last time on, and this is none more.
            self._kept.told[what] = replace(told, at=monotonic())
            return True
        return self._may_tell(*what, longest=LONGEST_QUIET_SECONDS)

    def _may_tell(self, *what: str, longest: float) -> bool:
        """Tell whether it was not told a moment ago, and note that it is told now."""
        now, told = monotonic(), self._kept.told.get(what)
        if told is None:
            self._kept.told[what] = _Told(now, QUIET_SECONDS)
            return True
        if now - told.at < told.quiet:
            return False
        self._kept.told[what] = _Told(now, min(2 * told.quiet, longest))
        return True

    @callback
    def noticed(self, notice: Notice) -> None:
        """Tell what the device says of its other terminals."""
        self.tell(_NOTICES[notice.what], terminal_id=notice.terminal_id.hex())

    @callback
    def tell_untold(self) -> None:
        """Tell what nobody could hear before the entry was set up."""
        unheard = list(self._kept.unheard.values())
        self._kept.unheard.clear()
        if self._listener is not None:
            for event, attributes in unheard:
                self._listener(event, attributes)
        untold = self._hass.data.get(_PAIRED, set())
        if self._entry.unique_id in untold:
            untold.remove(self._entry.unique_id)
            self.tell(SecurityEvent.PAIRED)

    @callback
    def listen(self, listener: Callable[[SecurityEvent, dict[str, str]], None]) -> CALLBACK_TYPE:
        """Give every event to a listener; returns how to stop."""
        self._listener = listener

        def stop() -> None:
            self._listener = None

        return stop


@callback
def just_paired(hass: HomeAssistant, device_id: str) -> None:
    """Have it told as soon as there is somebody to hear it: the entry is not set up yet."""
    hass.data.setdefault(_PAIRED, set()).add(device_id)


def issue_id(entry_id: str, repair: str) -> str:
    """Return the id of an entry's repair."""
    return f"{entry_id}_{repair}"


@callback
def forget_repairs(hass: HomeAssistant, entry_id: str) -> None:
    """Take back all repairs of an entry that goes, or begins anew: what comes then is told."""
    if (kept := hass.data.get(_KEPT, {}).get(entry_id)) is not None:
        kept.told.clear()
    for repair in REPAIRS:
        ir.async_delete_issue(hass, DOMAIN, issue_id(entry_id, repair))
