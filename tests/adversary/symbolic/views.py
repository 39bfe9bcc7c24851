"""What each end has seen, and what the two ends have to agree on."""

from collections.abc import Iterator
from typing import NamedTuple

from secure_pair_protocol import messages
from secure_pair_protocol.messages import AuthenticationRequest

from . import attacker
from .runs import (
    Device,
    DeviceAt,
    Holder,
    HolderAt,
    Resumer,
    ResumerAt,
    Terminal,
    TerminalAt,
    World,
)
from .search import Scene

# Of a negotiation


class View(NamedTuple):
    """All that the two ends of a negotiation have to agree on."""

    terminal_id: bytes
    device_id: str
    m1: bytes
    m2: bytes
    first_encrypted_data: bytes
    first_public_key: bytes
    device_public_key: bytes
    transcript: bytes
    session_id: bytes
    session_key: bytes
    terminal_to_device: bytes
    device_to_terminal: bytes


def seen_by_terminal(at: TerminalAt) -> View:
    """Return the view of a terminal that has checked the device's confirmation."""
    assert at.challenged is not None
    assert at.responded is not None
    assert at.proven is not None
    return View(
        messages.decode(AuthenticationRequest, at.requested.m1).terminal_id,
        at.requested.device_id,
        at.requested.m1,
        at.challenged.m2,
        at.responded.first_encrypted_data,
        at.challenged.first_public_key,
        at.device_key,
        at.proven.transcript,
        at.proven.session_id,
        at.proven.session_key.reveal(),
        at.proven.traffic.terminal_to_device.reveal(),
        at.proven.traffic.device_to_terminal.reveal(),
    )


def seen_by_device(at: DeviceAt) -> View:
    """Return the view of a device that has answered."""
    assert at.issued is not None
    assert at.opened is not None
    assert at.answered is not None
    agreement = at.answered.agreement
    return View(
        at.answered.terminal_id,
        at.issued.identity.device_id,
        at.issued.m1,
        at.issued.m2,
        at.opened.first_encrypted_data,
        at.opened.first_public_key,
        at.device_key,
        agreement.transcript,
        agreement.session_id,
        agreement.session_key.reveal(),
        agreement.traffic.terminal_to_device.reveal(),
        agreement.traffic.device_to_terminal.reveal(),
    )


def proven(scene: Scene, world: World) -> Iterator[tuple[Terminal, TerminalAt]]:
    """Yield each run of a terminal that has come to its end with an honest device."""
    for run in scene.runs:
        if isinstance(run, Terminal) and run.device_id != attacker.DEVICE:
            at: TerminalAt = world.at[run.name]
            if at.proven is not None:
                yield run, at


def at_devices(scene: Scene, world: World) -> Iterator[tuple[Device, DeviceAt]]:
    for run in scene.runs:
        if isinstance(run, Device):
            yield run, world.at[run.name]


# Of a later connection


class Connection(NamedTuple):
    """All that the two ends of a later connection have to agree on."""

    session_id: bytes
    r1: bytes
    r2: bytes
    random: bytes
    transcript: bytes
    terminal_to_device: bytes
    device_to_terminal: bytes


def resumers(scene: Scene, world: World) -> Iterator[tuple[Resumer, ResumerAt]]:
    for run in scene.runs:
        if isinstance(run, Resumer):
            yield run, world.at[run.name]


def holders(scene: Scene, world: World) -> Iterator[tuple[Holder, HolderAt]]:
    """Yield the device's ends on which something was answered to an honest terminal."""
    for run in scene.runs:
        if isinstance(run, Holder):
            at: HolderAt = world.at[run.name]
            if at.answered is not None and at.answered.session.terminal_id != attacker.TERMINAL:
                yield run, at


def resumer_sees(at: ResumerAt) -> Connection:
    assert at.greeting is not None
    assert at.resuming is not None
    assert at.resumed is not None
    keys = at.resumed.traffic
    return Connection(
        at.resuming.session_id,
        at.r1,
        at.r2,
        at.greeting.random,
        at.resumed.transcript,
        keys.terminal_to_device.reveal(),
        keys.device_to_terminal.reveal(),
    )


def holder_sees(run: Holder, at: HolderAt) -> Connection:
    assert at.answered is not None
    derived = at.answered.derived
    return Connection(
        at.answered.session.session_id,
        at.r1,
        at.r2,
        run.greeting.random,
        derived.transcript,
        derived.traffic.terminal_to_device.reveal(),
        derived.traffic.device_to_terminal.reveal(),
    )


# Of any connection


def traffic_keys(at: object) -> list[bytes]:
    """Return both traffic keys of a connection that has an honest end at least."""
    match at:
        case TerminalAt(proven=done) if done is not None:
            keys = done.traffic
        case DeviceAt(accepted=accepted) if accepted is not None:
            keys = accepted.traffic
        case ResumerAt(resumed=resumed) if resumed is not None:
            keys = resumed.traffic
        case HolderAt(traffic=found) if found is not None:
            keys = found
        case _:
            return []
    return [keys.terminal_to_device.reveal(), keys.device_to_terminal.reveal()]
