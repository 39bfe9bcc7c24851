"""The scenes: who takes part, how often, and what the attacker has besides the network."""

from collections.abc import Mapping, Sequence
from typing import Any

from secure_pair_protocol import sessions
from secure_pair_protocol.keys import Grant
from secure_pair_protocol.negotiation import Session
from secure_pair_protocol.secret import Secret
from secure_pair_protocol.sessions import HeldSession, Register

from . import attacker
from .attacker import Attacker
from .bare import BareDevice, BareTerminal
from .claims import Claim
from .events import LEAK, Change, Event
from .runs import Device, Holder, Resumer, Run, Terminal, World
from .search import Scene
from .service import Service
from .terms import fresh

T = b"terminal T......"
U = b"terminal U......"
DOOR, WINDOW = "door", "window"
GRANT, LATER = Grant(epoch=7, lifetime=0), Grant(epoch=8, lifetime=0)
KEYS = {
    DOOR: fresh("initial key", DOOR),
    WINDOW: fresh("initial key", WINDOW),
    attacker.DEVICE: attacker.INITIAL_KEY,
}
LABEL = fresh("pairing secret", DOOR)
ALL = frozenset(KEYS)
BEFORE, AFTER = fresh("installation", "before", 8), fresh("installation", "after", 8)

SEALS = frozenset({Claim.AUTHORIZATION})
"""Unclaimed where the attacker has the initial key: he authorizes what he likes."""

type Rights = Mapping[bytes, frozenset[str]]

STRANGER: Rights = {T: ALL, U: ALL, attacker.TERMINAL: frozenset({attacker.DEVICE})}
"""The account has bought a device of the attacker's; his own token is for that one only."""
INSIDER: Rights = {T: ALL, U: ALL, attacker.TERMINAL: ALL}
"""The attacker's terminal is one of the account's own."""


FORMER: Rights = {T: frozenset({attacker.DEVICE}), attacker.TERMINAL: ALL}
"""The attacker owns the door; afterwards it is the user's."""


def terminal(name: str, device_id: str = DOOR, **rest: Any) -> Terminal:
    return Terminal(name=name, device_id=device_id, **{"terminal_id": T, **rest})


def device(name: str, device_id: str = DOOR, **rest: Any) -> Device:
    return Device(name=name, device_id=device_id, initial_key=KEYS[device_id], **rest)


def scene(
    name: str,
    runs: Sequence[Run],
    events: Sequence[Event] = (),
    *,
    rights: Rights = INSIDER,
    grant: Grant = GRANT,
    held: Sequence[Session] = (),
    knows: tuple[bytes, ...] = (),
    stolen: tuple[bytes, ...] = (),
    unclaimed: frozenset[Claim] = frozenset(),
) -> Scene:
    devices = {run.device_id for run in runs} - {attacker.DEVICE}
    terminals = {run.terminal_id for run in runs if isinstance(run, Terminal)}
    epoch = max((session.grant.epoch for session in held), default=0)
    return Scene(
        name,
        tuple(runs),
        tuple(events),
        {
            device_id: Register(BEFORE, epoch, tuple(map(HeldSession, held)))
            for device_id in sorted(devices)
        },
        Service(KEYS, rights, grant),
        Attacker(
            (*sorted(terminals), attacker.TERMINAL),
            (*sorted(devices), attacker.DEVICE),
            (GRANT, LATER),
            (attacker.TERMINAL, *stolen),
        ),
        knows,
        unclaimed,
    )


# The method with nothing added


def bare() -> Scene:
    runs = [
        BareTerminal(name="T1", device_id=DOOR, terminal_id=T),
        BareDevice(name="D1", device_id=DOOR, initial_key=KEYS[DOOR]),
    ]
    return scene("the bare method", runs, rights=STRANGER)


# Of a negotiation


def stranger() -> Scene:
    runs = [terminal("T1"), terminal("T2", twin="T1"), device("D1"), device("D2", twin="D1")]
    return scene("two negotiations, a stranger attacks", runs, rights=STRANGER)


def insider() -> Scene:
    runs = [terminal("T1"), terminal("T2", twin="T1"), device("D1"), device("D2", twin="D1")]
    return scene("two negotiations, another terminal of the account attacks", runs)


def one_terminal(label: bytes = b"") -> Scene:
    runs = [
        terminal("T1", pairing_secret=label),
        device("D1", pairing_secret=label),
        device("D2", pairing_secret=label, twin="D1"),
    ]
    return scene("one negotiation, another terminal of the account attacks", runs)


def labelled() -> Scene:
    """The attacker's terminal has not seen the label."""
    return one_terminal(LABEL)


def two_devices() -> Scene:
    runs = [terminal("T1"), terminal("T2", WINDOW), device("D1"), device("D2", WINDOW)]
    return scene("two devices", runs)


def two_terminals() -> Scene:
    runs = [terminal("T1"), terminal("U1", terminal_id=U), device("D1"), device("D2", twin="D1")]
    return scene("two terminals", runs, rights=STRANGER)


def bought_from_the_attacker(label: bytes = b"") -> Scene:
    """One of the account's own devices is the attacker's, and the user pairs it."""
    runs = [
        terminal("T1", pairing_secret=label),
        terminal("T2", attacker.DEVICE),
        device("D1", pairing_secret=label),
        device("D2", pairing_secret=label, twin="D1"),
    ]
    return scene("a device bought from the attacker", runs, rights=STRANGER)


def bought_and_labelled() -> Scene:
    return bought_from_the_attacker(LABEL)


def stolen_token() -> Scene:
    """He has the terminal's token: what the terminal itself ends in is as good as before."""
    runs = [terminal("T1"), device("D1"), device("D2", twin="D1")]
    return scene("the terminal's token is stolen", runs, rights=STRANGER, stolen=(T,))


def leak() -> Scene:
    """From any moment on the attacker has the initial keys: what is agreed before stays good."""

    def leaks(world: World) -> Change:
        return Change(learned=tuple(KEYS.values()))

    def done(world: World) -> tuple[object, ...]:
        return tuple(run.name for run in runs if run.is_done(world))

    runs = [terminal("T1"), device("D1"), device("D2", twin="D1")]
    event = Event(LEAK, leaks, done)
    return scene(
        "the initial keys leak, at any moment", runs, [event], rights=STRANGER, unclaimed=SEALS
    )


def dishonest(terminals: int = 1, devices: int = 2, label: bytes = LABEL) -> Scene:
    """The attacker has each initial key, and answers each question as the key service."""
    asking = [
        terminal("T1", pairing_secret=label, asks_attacker=True),
        terminal("T2", pairing_secret=label, asks_attacker=True, twin="T1"),
    ]
    asked = [
        device("D1", pairing_secret=label),
        device("D2", pairing_secret=label, twin="D1"),
    ]
    return scene(
        f"the key service attacks, the device has {'a' if label else 'no'} label",
        [*asking[:terminals], *asked[:devices]],
        rights={},
        knows=(*KEYS.values(),),
        unclaimed=SEALS,
    )


def dishonest_two_terminals() -> Scene:
    return dishonest(terminals=2, devices=1)


def dishonest_once() -> Scene:
    return dishonest(devices=1)


def dishonest_without_a_label() -> Scene:
    return dishonest(devices=1, label=b"")


def change_of_owner() -> Scene:
    """The attacker owned the door, and began what he could, before he passed it on."""

    def changes(world: World) -> Change:
        return Change(service=Service(KEYS, STRANGER, LATER))

    def what_he_could_ask(world: World) -> tuple[object, ...]:
        return (world.knowledge,)

    runs = [terminal("T1"), device("D1"), device("D2", twin="D1")]
    event = Event("the door changes its owner", changes, what_he_could_ask)
    return scene("a former owner attacks", runs, [event], rights=FORMER)


def factory_reset() -> Scene:
    def resets(world: World) -> Change:
        return Change(registers={DOOR: sessions.factory_reset(AFTER)})

    def whether(world: World) -> tuple[object, ...]:
        return ()

    runs = [
        terminal("T1", expected_installation=BEFORE),
        device("D1"),
        device("D2", twin="D1"),
    ]
    event = Event("the door is reset", resets, whether)
    return scene(
        "a renewal by itself, and a factory reset",
        runs,
        [event],
        rights=STRANGER,
        knows=(BEFORE,),
    )


# Of later connections


def holder(name: str, **rest: Any) -> Holder:
    return Holder(name=name, device_id=DOOR, **rest)


def resumer(name: str, **rest: Any) -> Resumer:
    return Resumer(name=name, device_id=DOOR, **rest)


SESSION = Session(fresh("session id", "T", 16), Secret(fresh("session key", "T")), T, GRANT)
HIS_SESSION = Session(
    fresh("session id", attacker.HE, 16),
    Secret(fresh("session key", attacker.HE)),
    attacker.TERMINAL,
    GRANT,
)
HE_HOLDS = HIS_SESSION.session_id, HIS_SESSION.session_key.reveal()


def resumption(second_resumer: str = "", second_holder: str = "") -> Scene:
    """Two of each; the second may draw the key that another has drawn."""
    runs = [
        resumer("R1", session=SESSION),
        resumer("R2", session=SESSION, twin="R1", draws_as=second_resumer),
        holder("H1"),
        holder("H2", twin="H1", draws_as=second_holder),
    ]
    return resumed("later connections, another terminal attacks", runs)


def three_resumptions() -> Scene:
    more = resumer("R3", session=SESSION, twin="R2")
    return resumed("more later connections than the device takes", [*resumption().runs, more])


def resumed(name: str, runs: Sequence[Run], events: Sequence[Event] = ()) -> Scene:
    """Both sessions are there from before; one is the attacker's."""
    return scene(name, runs, events, held=[SESSION, HIS_SESSION], knows=HE_HOLDS)


def gone_meanwhile() -> Scene:
    """The session is forgotten at any moment."""

    def forgets(world: World) -> Change:
        return Change(
            registers={DOOR: sessions.unpaired(world.registers[DOOR], SESSION.session_id)}
        )

    def whether(world: World) -> tuple[object, ...]:
        return ()

    runs = [resumer("R1", session=SESSION), holder("H1"), holder("H2", twin="H1")]
    event = Event("the door forgets the session", forgets, whether)
    return resumed("a session goes meanwhile", runs, [event])


def former_session() -> Scene:
    """The attacker owned the door, and his session is still there when the next one pairs."""
    runs = [terminal("T1"), device("D1"), holder("H1"), holder("H2", twin="H1")]
    return scene(
        "a former owner has a session",
        runs,
        rights=STRANGER,
        grant=LATER,
        held=[HIS_SESSION],
        knows=HE_HOLDS,
    )


def whole_way() -> Scene:
    runs = [
        terminal("T1"),
        device("D1"),
        resumer("R1", of="T1"),
        resumer("R2", of="T1", twin="R1"),
        holder("H1"),
        holder("H2", twin="H1"),
    ]
    return scene("from m1 to a later connection", runs)


def whole_way_dishonest() -> Scene:
    runs = [
        terminal("T1", pairing_secret=LABEL, asks_attacker=True),
        device("D1", pairing_secret=LABEL),
        resumer("R1", of="T1"),
        resumer("R2", of="T1", twin="R1"),
        holder("H1"),
        holder("H2", twin="H1"),
    ]
    return scene(
        "from m1 to a later connection, the key service attacks",
        runs,
        rights={},
        knows=(*KEYS.values(),),
        unclaimed=SEALS,
    )


# With something that ought to be fresh, and is not


def same_first_data() -> Scene:
    runs = [terminal("T1"), device("D1"), device("D2", draws_as="D1", twin="D1")]
    return scene("the device draws the same first data again", runs)


def same_key_at_the_terminal() -> Scene:
    return resumption(second_resumer="R1")


def same_key_at_the_device() -> Scene:
    return resumption(second_holder="H1")


def same_keys_at_both() -> Scene:
    return resumption(second_resumer="R1", second_holder="H1")
