"""The adversary on symbolic terms: each order of each message, against the steps that ship.

What runs. The step functions of `negotiation` and `resumption`, and the rules of `sessions`,
as they ship, over a `Crypto` of terms (`backend`, `terms`). The codec is the shipping one
too: a term goes by a name of bytes, as long as the real value.

Cryptography is perfect: a box opens with its key and context, a tag is equal or wrong,
nothing comes back out of a hash. Of X25519 there is more: agreeing commutes, three and more
keys may be multiplied, a zero result, other encodings of the same point. There is no
guessing, no length, no time, no weakness of one algorithm beside another: HMAC, extract and
expand never meet, and a box opens with one key only (AES-GCM alone does not promise that).

Who takes part (`scenes`). Up to three runs of a role, given by the scene; `runs` wraps the
steps. A run whose step raises has ended and said nothing, so that message is left out. A
device here ends no other pending negotiation, and keeps one over a reset: it allows more
than the real one does. All that two runs do, they do in any order, at any moment.

The attacker (`attacker`) is the network: he hears all, and nothing arrives but what he
sends. He has a key pair, a device and a terminal of his own at the key service, which
answers him all that he can ask, each question once. As the scene has it he is also another
terminal of the account, a former owner, a thief of the token or of the initial keys, or the key
service itself. What he knows is closed (`knowledge`): he takes apart what he can, and makes
what is made from that.

What bounds it. A field that is only carried or compared is one of the values that he has
seen of its sort, or one of his own: further ones of his own would change nothing but names.
A field that cryptography checks is no choice: one value is right, which he has, or makes,
or not. A public key may be anybody's, in other clothes, multiplied by his own, or zero, but
no value of another sort; as key service he answers questions that a device is in, or junk.
More runs than the scene has, he cannot get.

What is looked for (`claims`). In every world each claim; a violation comes with the shortest
way there (`trace`). `mutations` leaves out each binding in turn, so that it is seen how each
claim can fall; `bare` is the method with nothing added.
"""

from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any, NamedTuple

from msgspec.structs import replace

from secure_pair_protocol.crypto import NONCE_SIZE
from secure_pair_protocol.errors import SecurePairError
from secure_pair_protocol.messages import AuthenticationRequest, Message
from secure_pair_protocol.sessions import Register

from . import attacker
from .attacker import BLANKS, Attacker
from .backend import Opening, Symbolic
from .events import Event, EventAt
from .knowledge import Knowledge
from .runs import Input, Run, Step, Terminal, Told, World, refused
from .service import Authorized, Service
from .terms import TERMS, Box, fresh


@dataclass(frozen=True)
class Scene:
    """Who takes part, and what the attacker has at the beginning."""

    name: str
    runs: Sequence[Run]
    events: Sequence[Event]
    registers: Mapping[str, Register]
    service: Service
    attacker: Attacker
    knows: tuple[bytes, ...] = ()
    unclaimed: frozenset[str] = frozenset()
    """What cannot hold here, for a reason that the scene gives."""

    @property
    def bounds(self) -> str:
        """Say how much can happen at most."""
        runs = Counter(type(run).__name__ for run in self.runs)
        each = [f"{count} {name.lower()}{'s' * (count > 1)}" for name, count in runs.items()]
        received = sum(run.receives for run in self.runs)
        events = f", {len(self.events)} event" if self.events else ""
        return f"{', '.join(each)}: {received} messages{events}"


class Move(NamedTuple):
    """What has just happened: an input and its receiver, or an event."""

    to: str
    message: Input | None
    says: tuple[bytes, ...]


type Claim = Callable[["Search", World], str | None]
"""Returns what is wrong in a world, or None."""


@dataclass(frozen=True)
class Violation:
    """The claim that fell, why, and the shortest way there."""

    claim: str
    why: str
    way: tuple[Move, ...]
    world: World


@dataclass
class Search:
    """A walk through all worlds of one scene, breadth first."""

    scene: Scene
    crypto: Symbolic = field(default_factory=Symbolic)
    authorized: dict[bytes, Authorized] = field(default_factory=dict)
    """Every first encrypted data that the key service has made."""
    versions: set[int] = field(default_factory=set)
    """Of the requests that it has authorized."""
    worlds: int = 0
    finished: set[str] = field(default_factory=set)
    """The runs that come to their end in one world at least."""

    def __post_init__(self) -> None:
        self._starts = {run.name: run.start(self.crypto) for run in self.scene.runs}
        self._steps: dict[tuple[object, ...], tuple[Step | None, bytes | Opening | None]] = {}
        self._events: dict[tuple[object, ...], EventAt] = {}
        self._registers: dict[tuple[object, ...], Register] = {}
        self._answers: dict[Service, Answers] = {}
        self._minds: dict[tuple[object, ...], Knowledge] = {}
        self._learned: dict[tuple[object, ...], Knowledge] = {}
        self._receivable: dict[tuple[object, ...], list[tuple[Input, Step]]] = {}
        self._asked: set[tuple[object, ...]] = set()

    def explore[Name: str](self, claims: Mapping[Name, Claim]) -> Violation | None:
        """Return the first violation there is, or None when all worlds have been seen."""
        first = self._first()
        came: dict[tuple[object, ...], tuple[World, Move] | None] = {first.key: None}
        queue = deque([first])
        while queue:
            world = queue.popleft()
            self.worlds += 1
            for claim, holds in claims.items():
                if why := holds(self, world):
                    return Violation(claim, why, self._way(came, world), world)
            self.finished |= {run.name for run in self.scene.runs if run.is_done(world)}
            for after, move in self._moves(world):
                if after.key not in came:
                    came[after.key] = world, move
                    queue.append(after)
        return None

    def learning(self, knowledge: Knowledge, *names: bytes) -> Knowledge:
        """Return what somebody knows who learns these as well."""
        return self._learning(None, knowledge, names)

    def _way(self, came: Mapping[Any, tuple[World, Move] | None], world: World) -> tuple[Move, ...]:
        way: list[Move] = []
        while (before := came[world.key]) is not None:
            world, move = before
            way.insert(0, move)
        started = (Move(name, None, step.says) for name, step in self._starts.items() if step.says)
        return (*started, *way)

    def _first(self) -> World:
        scene = self.scene
        at: dict[str, Any] = {name: step.at for name, step in self._starts.items()}
        at |= {event.name: EventAt() for event in scene.events}
        said = tuple(name for step in self._starts.values() for name in step.says)
        nothing = Knowledge({})
        return World(
            at,
            scene.registers,
            scene.service,
            self._learning(scene.service, nothing, (*attacker.OWN, *scene.knows, *said)),
            self._learning(None, nothing, said),
        )

    # What may happen next

    def _moves(self, world: World) -> Iterator[tuple[World, Move]]:
        for run in self.scene.runs:
            if run.twin and world.at[run.twin] is self._starts[run.twin].at:
                continue
            for message, step in self._received(run, world):
                yield self._after(world, run, step), Move(run.name, message, step.says)
        for event in self.scene.events:
            yield from self._happens(event, world)

    def _received(self, run: Run, world: World) -> list[tuple[Input, Step]]:
        """Return each message that the attacker can send to a run, and that it accepts."""
        at = world.at[run.name]
        questions = world.questions if run.awaits(at, world) is Told else ()
        key = (run.name, at, world.knowledge, *questions, *run.reads(world))
        if (known := self._receivable.get(key)) is None:
            known = self._receivable[key] = [
                (message, step)
                for message in dict.fromkeys(self._sent(run, world))
                if (step := self._step(run, message, world)[0]) is not None
            ]
        return known

    def _sent(self, run: Run, world: World) -> Iterator[Input]:
        at = world.at[run.name]
        kind = run.awaits(at, world)
        if kind is Told:
            assert isinstance(run, Terminal)
            initial_key = self.scene.service.initial_keys[run.device_id]
            yield from self.scene.attacker.answers(self.crypto, at, initial_key, world.questions)
        elif kind is not None and issubclass(kind, Message):
            register = world.registers.get(run.device_id)
            held = () if register is None else register.held
            ids = [held.session.session_id for held in held]
            for draft in self.scene.attacker.drafts(kind, world.knowledge, ids):
                yield from self._filled(run, draft, world)

    def _filled(self, run: Run, draft: Message, world: World) -> Iterator[bytes]:
        """Yield the draft with what the receiver would accept in its blank, if he can make it."""
        message = self.crypto.encode(draft)
        blank = BLANKS.get(type(draft))
        _, missed = self._step(run, message, world)
        match missed:
            case None:
                # It went through as it is, or nothing in its blank would help.
                yield message
            case bytes() if world.knowledge.derives(missed):
                yield self.crypto.encode(replace(draft, **{str(blank): missed}))
            case Opening():
                told = self._sealed_for_him(missed, world)
                boxes = (*self.scene.attacker.boxes(missed, world.knowledge), *told)
                for box in boxes:
                    yield self.crypto.encode(replace(draft, **{str(blank): box}))

    def _step(
        self, run: Run, message: Input, world: World
    ) -> tuple[Step | None, bytes | Opening | None]:
        """Return what becomes of a run, or what it has missed."""
        at = world.at[run.name]
        key = (run.name, at, message, *run.reads(world))
        if (known := self._steps.get(key)) is None:
            self.crypto.missed = None
            step = refused(lambda: run.receive(self.crypto, at, message, world))
            if step is not None and isinstance(run, Terminal) and step.at.authorized:
                self._record(step.at.authorized)
            known = self._steps[key] = step, None if step else self.crypto.missed
        return known

    def _after(self, world: World, run: Run, step: Step) -> World:
        registers = world.registers
        if step.register is not None:
            registers = {**registers, run.device_id: self._one(step.register)}
        return World(
            {**world.at, run.name: step.at},
            registers,
            world.service,
            self._learning(world.service, world.knowledge, step.says),
            self._learning(None, world.listener, step.says),
        )

    def _learning(
        self, service: Service | None, knowledge: Knowledge, names: tuple[bytes, ...]
    ) -> Knowledge:
        """Return what somebody knows behind this, who may ask the key service as the attacker."""
        key = (service, knowledge, *names)
        if (known := self._learned.get(key)) is None:
            known = knowledge.learning(*names)
            if service is not None:
                known = self._asking(service, known)
            # One object for all ways to know the same.
            known = self._minds.setdefault((id(known.answers), known.known), known)
            self._learned[key] = known
        return known

    def _one(self, register: Register) -> Register:
        """Return the one object that stands for all registers that hold the same."""
        held = tuple(held.session for held in register.held)
        key = register.installation, register.epoch, held, register.revoked
        return self._registers.setdefault(key, register)

    def _happens(self, event: Event, world: World) -> Iterator[tuple[World, Move]]:
        if world.at[event.name].before is not None or (change := event.happens(world)) is None:
            return
        service = change.service or world.service
        before = event.remembers(world)
        at = self._events.setdefault((event.name, *before), EventAt(before))
        # What he could have asked until now, he has asked.
        asked = self._answers[world.service].needs
        told = [name for name in asked if world.knowledge.derives(name)]
        registers = {
            device_id: self._one(register)
            for device_id, register in (change.registers or {}).items()
        }
        after = World(
            {**world.at, event.name: at},
            {**world.registers, **registers},
            service,
            self._learning(service, world.knowledge, (*told, *change.learned)),
            world.listener,
        )
        yield after, Move(event.name, None, change.learned)

    # The key service's answers to the tokens that the attacker has

    def _asking(self, service: Service, knowledge: Knowledge) -> Knowledge:
        """Let the attacker ask the key service whatever he can ask now, and has not asked."""
        if (answers := self._answers.get(service)) is None:
            answers = self._answers[service] = Answers()
        public_keys = self.scene.attacker.public_keys(knowledge)
        choice = service, *knowledge.challenges, *public_keys
        if choice not in self._asked:
            self._asked.add(choice)
            for m2, public_key in product(self.scene.attacker.challenges(knowledge), public_keys):
                question = self.crypto.encode(m2), public_key
                if (service, *question) not in self._asked:
                    self._asked.add((service, *question))
                    requests = self.scene.attacker.drafts(AuthenticationRequest, knowledge)
                    for m1, token in product(requests, self.scene.attacker.tokens):
                        self._ask(service, answers, token, self.crypto.encode(m1), *question)
        return knowledge.learning(answers=answers.needs)

    def _ask(
        self,
        service: Service,
        answers: Answers,
        token: bytes,
        m1: bytes,
        m2: bytes,
        public_key: bytes,
    ) -> None:
        nonce = fresh("nonce", f"{m1!r}{m2!r}{public_key!r}{service.grant}", NONCE_SIZE)
        question = token, m1, m2, public_key
        try:
            authorized = service.authorize(self.crypto, *question, nonce)
        except SecurePairError:
            return
        sealed = self._record(authorized)
        for name in (sealed, authorized.answer.ticket_key.reveal(), nonce):
            answers.needs.setdefault(name, []).append((m2, public_key))
        box = TERMS[sealed]
        assert isinstance(box, Box)
        answers.boxes.setdefault((box.key, box.aad), []).append(sealed)

    def _record(self, authorized: Authorized) -> bytes:
        sealed = authorized.answer.first_encrypted_data
        self.authorized[sealed] = authorized
        self.versions.add(authorized.version)
        return sealed

    def _sealed_for_him(self, opening: Opening, world: World) -> list[bytes]:
        """Return each box that the key service has sealed for him, and that opens so."""
        boxes = self._answers[world.service].boxes.get((opening.key, opening.aad), ())
        return [name for name in boxes if world.knowledge.derives(name)]


@dataclass(frozen=True, eq=False, slots=True)
class Answers:
    """What the key service answers the attacker, in one of its states."""

    needs: dict[bytes, list[tuple[bytes, ...]]] = field(default_factory=dict)
    """Each value that he is told, and what he has to send for it."""
    boxes: dict[tuple[bytes, bytes], list[bytes]] = field(default_factory=dict)
    """Each first encrypted data, by the key and the context that it opens with."""
