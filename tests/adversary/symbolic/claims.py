"""What has to hold in every world. Each claim returns what is wrong, in words, or None."""

from collections import Counter
from enum import StrEnum

from secure_pair_protocol.messages import VERSION, AuthenticationRequest, Resume

from .resumed import gone, holder_agrees, replay, resumer_agrees
from .runs import Holder, HolderAt, Terminal, World
from .search import Claim as Holds
from .search import Scene, Search
from .secrecy import after_leak, counts, fresh_keys, passive, secrecy, theft
from .views import View, at_devices, proven, seen_by_device, seen_by_terminal


class Claim(StrEnum):
    """What is claimed, by a few words of its own."""

    VERSION = "version"
    AUTHORIZATION = "authorization"
    TERMINAL_AGREES = "terminal's agreement"
    DEVICE_AGREES = "device's agreement"
    SESSION_ID = "session ids"
    SECRECY = "secrecy"
    LEAK = "secrecy after a leak"
    PASSIVE = "passive key service"
    FRESH_KEYS = "fresh keys"
    RESET = "reset"
    OWNER = "owner"
    REPLAY = "replay"
    RESUMER_AGREES = "terminal's agreement on resumption"
    HOLDER_AGREES = "device's agreement on resumption"
    THEFT = "secrecy after a theft"
    GONE = "session gone"


OF_NEGOTIATIONS = {
    Claim.AUTHORIZATION,
    Claim.TERMINAL_AGREES,
    Claim.DEVICE_AGREES,
    Claim.SESSION_ID,
    Claim.PASSIVE,
}
OF_RESUMPTIONS = {
    Claim.REPLAY,
    Claim.RESUMER_AGREES,
    Claim.HOLDER_AGREES,
    Claim.THEFT,
    Claim.GONE,
}


def version(search: Search, world: World) -> str | None:
    if search.versions - {VERSION}:
        return "the key service authorizes a request of another version"
    for run, at in at_devices(search.scene, world):
        if at.issued is not None:
            asked = search.crypto.decode(AuthenticationRequest, at.issued.m1).version
            if asked != VERSION:
                return f"{run.name} answers a request of version {asked}"
    for name, at in world.at.items():
        if isinstance(at, HolderAt) and at.r1:
            asked = search.crypto.decode(Resume, at.r1).version
            if asked != VERSION:
                return f"{name} answers a resumption of version {asked}"
    return None


def authorization(search: Search, world: World) -> str | None:
    """The device opens only what the key service sealed for this very question, and once."""
    opened: dict[bytes, str] = {}
    for run, at in at_devices(search.scene, world):
        if at.opened is None:
            continue
        sealed = at.opened.first_encrypted_data
        authorized = search.authorized.get(sealed)
        if authorized is None:
            return f"{run.name} opens what the key service never sealed"
        was = (
            authorized.token,
            authorized.request.device_id,
            authorized.request.first_data,
            authorized.first_public_key,
            authorized.grant,
        )
        now = (
            at.opened.issued.terminal_id,
            run.device_id,
            at.opened.issued.first_data,
            at.opened.first_public_key,
            at.opened.grant,
        )
        names = ("terminal id", "device id", "first data", "first public key", "grant")
        for name, one, other in zip(names, was, now, strict=True):
            if one != other:
                return f"{run.name} opens what was authorized for another {name}"
        if sealed in opened:
            return f"{run.name} opens what {opened[sealed]} has opened already"
        opened[sealed] = run.name
    return None


def terminal_agrees(search: Search, world: World) -> str | None:
    """Where a terminal is done, a device is in the same conversation: one for each."""
    answered = Counter(
        seen_by_device(at) for _, at in at_devices(search.scene, world) if at.answered is not None
    )
    for run, at in proven(search.scene, world):
        view = seen_by_terminal(at)
        if not answered[view] and counts(world, run.name):
            return f"{run.name} is done, {apart(view, answered)}"
        answered[view] -= 1
    return None


def device_agrees(search: Search, world: World) -> str | None:
    """Where a device has accepted an honest terminal, that terminal is done: one for each."""
    done = Counter(seen_by_terminal(at) for _, at in proven(search.scene, world))
    for run, at in at_devices(search.scene, world):
        his = search.scene.attacker.tokens
        if at.accepted is None or at.accepted.session.terminal_id in his:
            continue
        view = seen_by_device(at)
        if not done[view] and counts(world, run.name):
            return f"{run.name} has accepted a session, {apart(view, done)}"
        done[view] -= 1
    return None


def apart(view: View, others: Counter[View]) -> str:
    """Say in what the nearest of the others differs."""
    nearest = max(
        (other for other, count in others.items() if count > 0),
        key=lambda other: sum(a == b for a, b in zip(view, other, strict=True)),
        default=None,
    )
    if nearest is None:
        return "and nobody is at the other end"
    fields = zip(View._fields, view, nearest, strict=True)
    differ = [name.replace("_", " ") for name, one, other in fields if one != other]
    return f"and the other end has another {', '.join(differ)}"


def one_id_one_session(search: Search, world: World) -> str | None:
    keys: dict[bytes, bytes] = {}
    views = [seen_by_terminal(at) for _, at in proven(search.scene, world)]
    views += [
        seen_by_device(at) for _, at in at_devices(search.scene, world) if at.accepted is not None
    ]
    for view in views:
        if keys.setdefault(view.session_id, view.session_key) != view.session_key:
            return "one session id stands for two session keys"
    return None


def no_reset_is_followed(search: Search, world: World) -> str | None:
    """Whatever the terminal was told: its device itself has the installation of before."""
    devices = {
        seen_by_device(at).session_key: at.issued.identity.installation
        for _, at in at_devices(search.scene, world)
        if at.issued is not None and at.answered is not None
    }
    for run, at in proven(search.scene, world):
        if run.expected_installation is None:
            continue
        installation = devices.get(seen_by_terminal(at).session_key)
        if installation not in {None, run.expected_installation}:
            return f"{run.name} renews by itself with a device that was reset"
    return None


def owner(search: Search, world: World) -> str | None:
    """A device goes on with the owner that it has followed last, and with no former one."""
    for run, at in at_devices(search.scene, world):
        if at.accepted is not None and at.accepted.session.grant.epoch < at.epoch:
            return f"{run.name} has accepted the grant of a former owner"
    for name, at_holder in world.at.items():
        if isinstance(at_holder, HolderAt) and at_holder.traffic is not None:
            assert at_holder.answered is not None
            if at_holder.answered.session.grant.epoch != at_holder.epoch:
                return f"{name} has resumed a session of a former owner"
    return None


CLAIMS: dict[Claim, Holds] = {
    Claim.VERSION: version,
    Claim.AUTHORIZATION: authorization,
    Claim.TERMINAL_AGREES: terminal_agrees,
    Claim.DEVICE_AGREES: device_agrees,
    Claim.SESSION_ID: one_id_one_session,
    Claim.SECRECY: secrecy,
    Claim.LEAK: after_leak,
    Claim.PASSIVE: passive,
    Claim.RESET: no_reset_is_followed,
    Claim.OWNER: owner,
    Claim.REPLAY: replay,
    Claim.RESUMER_AGREES: resumer_agrees,
    Claim.HOLDER_AGREES: holder_agrees,
    Claim.FRESH_KEYS: fresh_keys,
    Claim.THEFT: theft,
    Claim.GONE: gone,
}


def claimed(scene: Scene) -> dict[Claim, Holds]:
    """Return all that is claimed in a scene: what its runs can break."""
    silent = {*scene.unclaimed}
    if not any(isinstance(run, Terminal) for run in scene.runs):
        silent |= OF_NEGOTIATIONS
    if not any(isinstance(run, Holder) for run in scene.runs):
        silent |= OF_RESUMPTIONS
    if not any(isinstance(run, Terminal) and run.expected_installation for run in scene.runs):
        silent.add(Claim.RESET)
    return {claim: holds for claim, holds in CLAIMS.items() if claim not in silent}
