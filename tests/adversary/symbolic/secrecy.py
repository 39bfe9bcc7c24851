"""Which keys stay secret, from whom, and that none is used twice."""

from collections.abc import Iterator

from secure_pair_protocol.secret import Secret

from . import attacker
from .events import LEAK
from .knowledge import Knowledge
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
from .search import Search
from .views import at_devices, proven, seen_by_device, seen_by_terminal, traffic_keys


def counts(world: World, name: str) -> bool:
    """Tell whether a run came to its end before initial keys have leaked."""
    leak = world.at.get(LEAK)
    return leak is None or leak.before is None or name in leak.before


def secrets(search: Search, world: World) -> Iterator[tuple[str, str, bytes]]:
    """Yield whose, what, and the name of each key that only two honest ends may have."""
    views = [(run.name, seen_by_terminal(at)) for run, at in proven(search.scene, world)]
    views += [
        (run.name, seen_by_device(at))
        for run, at in at_devices(search.scene, world)
        if at.accepted is not None
        and at.accepted.session.terminal_id not in search.scene.attacker.tokens
    ]
    for name, view in views:
        if counts(world, name):
            yield name, "session key", view.session_key
            yield name, "traffic key", view.terminal_to_device
            yield name, "traffic key", view.device_to_terminal
    for run in search.scene.runs:
        for what, key in traffic(run.name, search, world):
            yield run.name, what, key


def traffic(name: str, search: Search, world: World) -> Iterator[tuple[str, bytes]]:
    """Yield the keys of a later connection between honest ends."""
    at = world.at[name]
    keys = None
    match at:
        case ResumerAt(resumed=resumed) if resumed is not None:
            keys = resumed.traffic
        case HolderAt(traffic=found, answered=answered) if answered is not None:
            if answered.session.terminal_id != attacker.TERMINAL:
                keys = found
    if keys is not None:
        yield "traffic key of a later connection", keys.terminal_to_device.reveal()
        yield "traffic key of a later connection", keys.device_to_terminal.reveal()


def shown(search: Search, world: World, knowledge: Knowledge) -> str | None:
    for name, what, key in secrets(search, world):
        if knowledge.derives(key):
            return f"the {what} of {name} is known"
    return None


def secrecy(search: Search, world: World) -> str | None:
    if why := shown(search, world, world.knowledge):
        return f"{why} to the attacker"
    return None


def after_leak(search: Search, world: World) -> str | None:
    """What has been agreed stays secret from an attacker who learns all initial keys now."""
    if not any(True for _ in secrets(search, world)):
        return None
    later = search.learning(world.knowledge, *search.scene.service.initial_keys.values())
    if why := shown(search, world, later):
        return f"{why} to the attacker, once he has the initial keys"
    return None


def passive(search: Search, world: World) -> str | None:
    """The key service, which only listens, has nobody's keys: not the attacker's either.

    What he says himself is not counted: he could say his keys.
    """
    keys: dict[str, Secret] = {}
    sealed = []
    for name, at in world.at.items():
        match at:
            case TerminalAt(proven=done) if done is not None:
                keys[name] = done.session_key
            case DeviceAt(accepted=done, opened=opened) if done is not None and opened is not None:
                keys[name] = done.session.session_key
                # It has made that itself.
                sealed.append(opened.first_encrypted_data)
    if not keys:
        return None
    initial_keys = search.scene.service.initial_keys.values()
    service = search.learning(world.listener, *initial_keys, *sealed)
    for name, key in keys.items():
        if service.derives(key.reveal()):
            return f"the session key of {name} is known to the key service"
    return None


def fresh_keys(search: Search, world: World) -> str | None:
    """No traffic key is that of another connection, or of the other direction.

    A terminal that is the attacker may use its own key again.
    """
    his = {
        run.name
        for run in search.scene.runs
        if isinstance(run, Holder)
        and (answered := world.at[run.name].answered) is not None
        and answered.session.terminal_id == attacker.TERMINAL
    }
    for kind in (Terminal, Device, Resumer, Holder):
        found: dict[bytes, str] = {}
        for run in search.scene.runs:
            if isinstance(run, kind) and run.name not in his:
                for key in traffic_keys(world.at[run.name]):
                    if key in found:
                        return f"{run.name} has a traffic key of {found[key]}"
                    found[key] = run.name
    return None


def theft(search: Search, world: World) -> str | None:
    """Who has only listened, and steals the session afterwards, has no traffic key.

    What the attacker says himself is not counted here either.
    """
    stolen: list[bytes] = []
    for run in search.scene.runs:
        at = world.at[run.name]
        match at:
            case ResumerAt(resuming=resuming) if resuming is not None:
                stolen += resuming.session_id, resuming.session_key.reveal()
            case HolderAt(answered=answered) if answered is not None:
                session = answered.session
                stolen += session.session_id, session.session_key.reveal()
    if not stolen:
        return None
    thief = search.learning(world.listener, *stolen)
    for run in search.scene.runs:
        if isinstance(run, (Resumer, Holder)):
            for key in traffic_keys(world.at[run.name]):
                if thief.derives(key):
                    return f"a traffic key of {run.name} is known to a thief of the session key"
    return None
