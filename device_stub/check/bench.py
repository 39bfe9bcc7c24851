"""The device on the bench, and everything that a check wants to do with it."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from msgspec import Raw

from secure_pair_protocol import messages, negotiation, resumption
from secure_pair_protocol.crypto import PRIMITIVES
from secure_pair_protocol.errors import Failure, SecurePairError
from secure_pair_protocol.messages import Challenge
from secure_pair_protocol.negotiation import Authorization, Proven, Responded
from secure_pair_protocol.secret import Secret

from .authority import Authority, Maker
from .errors import CannotCheckError, FoundError, NotTriedError, RefusalError
from .line import Line
from .talk import Talk

type Key = X25519PrivateKey

_LAST_EPOCH = (1 << 64) - 1

LEAVING_TRIES = 3
LEAVING_SECONDS = 60
"""How long unpairing may take, and the last word about it."""

LEAVING_PATIENCE = 5
"""Seconds that each of its answers may take at least: this has to work."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What the user lets the check do with one entity of the device."""

    entity: str
    action: Raw


@dataclass(frozen=True, slots=True, eq=False)
class Known:
    """A session that the device may have stored."""

    session_id: bytes
    session_key: Secret


@dataclass(slots=True, eq=False)
class Asked:
    """A negotiation after m2: the authority's turn, then m5."""

    line: Line
    challenged: negotiation.Challenged[Key]

    @property
    def challenge(self) -> Challenge:
        """m2, decoded."""
        return self.challenged.challenge

    def respond(self, answer: Authorization) -> tuple[Responded[Key], bytes]:
        """Return the state and m5."""
        return negotiation.respond(
            PRIMITIVES,
            self.challenged,
            answer.first_encrypted_data,
            answer.ticket_key,
            answer.lifetime,
        )


@dataclass(slots=True, eq=False)
class Answered:
    """A negotiation after m6: the device has proved itself."""

    line: Line
    proven: Proven
    m5: bytes
    m6: bytes

    @property
    def m7(self) -> bytes:
        """The right confirmation."""
        return messages.encode(self.proven.confirmation)


@dataclass(slots=True, eq=False)
class Resuming:
    """A resumption after r1 was made, and not yet sent."""

    line: Line
    state: resumption.Resuming[Key]
    r1: bytes


@dataclass(kw_only=True, eq=False)
class Bench:
    """One device, one authority, one terminal id."""

    host: str
    port: int
    device_id: str
    authority: Authority
    pairing_secret: Secret
    patience: float = 5
    """Seconds that the device may take for one answer."""
    wish: Wish | None = None
    may_log_out: bool = False
    """Whether the owner epoch may be raised, which ends everybody's session for good."""
    made: list[Known] = field(default_factory=list)
    """All sessions that the device may have stored, the newest last."""
    _lines: list[Line] = field(default_factory=list)
    _guests: list[Bench] = field(default_factory=list)
    _unpairable: str | None = None

    async def connect(self) -> Line:
        """Connect; whatever is still open at the end of a check is cut off (`hang_up`)."""
        try:
            line = await Line.connect(self.host, self.port, self.patience)
        except OSError as error:
            raise FoundError("nothing accepts a connection any more") from error
        self._lines.append(line)
        return line

    def hang_up(self) -> None:
        """Cut off all connections that a check has left."""
        while self._lines:
            self._lines.pop().abort()

    def maker(self) -> Maker:
        """Return the authority that can do wrong; raises NotTriedError."""
        if isinstance(self.authority, Maker):
            return self.authority
        raise NotTriedError("it takes the device's own file")

    def guest(self) -> Bench:
        """Return the bench of another terminal of the owner's; raises NotTriedError.

        It hangs up with this one, and leaves when it is dismissed.
        """
        guest = replace(self, authority=self.maker().another(), made=[], _guests=[])
        self._guests.append(guest)
        return guest

    async def dismiss(self) -> bool:
        """Unpair all guests; tell whether the device has forgotten them."""
        while self._guests:
            if not await self._guests[-1].leave():
                return False
            self._guests.pop()
        return True

    # The negotiation, step by step

    async def to_m2(self, m1: bytes | None = None) -> Asked:
        """Go to m2; m1 may have another form than this code's own."""
        line = await self.connect()
        state, own = negotiation.request_authentication(
            PRIMITIVES,
            device_id=self.device_id,
            terminal_id=self.authority.terminal_id,
            private_key=X25519PrivateKey.generate(),
            pairing_secret=self.pairing_secret,
        )
        if m1 is not None:
            state = replace(state, m1=m1)
        line.send(m1 or own)
        return Asked(line, negotiation.receive_challenge(PRIMITIVES, state, await line.answer()))

    async def authorized(self, asked: Asked) -> Authorization:
        """Have the authority answer what is true."""
        challenged = asked.challenged
        return await self.authority.authorize(
            challenged.requested.m1, challenged.m2, challenged.first_public_key
        )

    async def to_m5(self, m1: bytes | None = None) -> tuple[Asked, Responded[Key], bytes]:
        """Go to m5, which is not sent."""
        asked = await self.to_m2(m1)
        return asked, *asked.respond(await self.authorized(asked))

    async def to_m6(self, m1: bytes | None = None) -> Answered:
        """Go to m6; raises SecurePairError (device_unproven)."""
        asked, state, m5 = await self.to_m5(m1)
        asked.line.send(m5)
        m6 = await asked.line.answer()
        proven = negotiation.receive_device_key(PRIMITIVES, state, m6)
        # From here on a device that keeps no rule may have stored it.
        self.made.append(Known(proven.session_id, proven.session_key))
        return Answered(asked.line, proven, m5, m6)

    @staticmethod
    async def finish(answered: Answered) -> Talk:
        """Send m7."""
        answered.line.send(answered.m7)
        return await Talk(answered.line, answered.proven.traffic).introduced()

    async def pair(self, m1: bytes | None = None) -> Talk:
        """Negotiate to the end."""
        return await self.finish(await self.to_m6(m1))

    # Later connections

    @property
    def session(self) -> Known:
        """The newest session; raises NotTriedError where there is none."""
        if not self.made:
            raise NotTriedError("there is no session")
        return self.made[-1]

    async def to_r1(self, session: Known | None = None) -> Resuming:
        """Go to r1, which is not sent."""
        session = session or self.session
        line = await self.connect()
        state, r1 = resumption.resume(
            PRIMITIVES,
            session.session_id,
            session.session_key,
            line.greeting,
            X25519PrivateKey.generate(),
        )
        return Resuming(line, state, r1)

    async def to_r2(self, session: Known | None = None) -> tuple[Line, resumption.Resumed, bytes]:
        """Go to r2; return what r3 is then."""
        resuming = await self.to_r1(session)
        resuming.line.send(resuming.r1)
        answer = await resuming.line.answer()
        resumed, r3 = resumption.receive_resume_answer(PRIMITIVES, resuming.state, answer)
        return resuming.line, resumed, r3

    async def resume(self, session: Known | None = None) -> Talk:
        """Connect with a session."""
        line, resumed, r3 = await self.to_r2(session)
        line.send(r3)
        return await Talk(line, resumed.traffic).introduced()

    async def talk(self) -> Talk:
        """Connect in whichever way works: what a check about something else begins with.

        Raises NotTriedError where none does.
        """
        if self._unpairable is not None:
            raise NotTriedError(self._unpairable)
        if self.made:
            with suppress(FoundError, SecurePairError):
                return await self.resume()
        try:
            return await self.pair()
        except (FoundError, SecurePairError) as error:
            self._unpairable = f"no session: {error}"
            raise NotTriedError(self._unpairable) from error

    async def held(self) -> Known:
        """Return a session that the device holds now; nothing is connected."""
        (await self.talk()).abort()
        return self.session

    @contextmanager
    def abandoned(self) -> Iterator[None]:
        """Take sessions that are made meanwhile for what never was: `session` stays."""
        kept = self.session
        try:
            yield
        finally:
            # It is still unpaired at the end, should the device have it after all.
            self.made.remove(kept)
            self.made.append(kept)

    async def knows(self, session: Known) -> bool:
        """Tell whether the device would resume a session."""
        try:
            line, _, _ = await self.to_r2(session)
        except RefusalError as error:
            if error.code == Failure.SESSION_UNKNOWN:
                return False
            raise
        line.abort()
        return True

    # Before and after all checks

    async def find_epoch(self) -> None:
        """Have the maker grant the epoch that the device follows already, at least 1.

        A higher one would end other terminals' sessions. The device tells before it stores
        anything, so it is found by halving.
        """
        maker = self.maker()
        low, high = 0, 1
        while not await self._follows(maker, high):
            if high == _LAST_EPOCH:
                raise FoundError("the device refuses every epoch")
            low, high = high, min(high * 2, _LAST_EPOCH)
        while high - low > 1:
            middle = (low + high) // 2
            if await self._follows(maker, middle):
                high = middle
            else:
                low = middle
        maker.epoch = high

    async def _follows(self, maker: Maker, epoch: int) -> bool:
        asked = await self.to_m2()
        challenged = asked.challenged
        answer = await maker.authorize(
            challenged.requested.m1, challenged.m2, challenged.first_public_key, epoch=epoch
        )
        asked.line.send(asked.respond(answer)[1])
        try:
            await asked.line.answer()
        except RefusalError as error:
            if error.code == Failure.EPOCH_REFUSED:
                return False
            raise
        finally:
            self.hang_up()
        return True

    async def leave(self) -> bool:
        """Unpair; tell whether the device has forgotten all sessions that were made here.

        It asks nothing else of the device: one that keeps few rules has to go as well.
        """
        self.patience = max(self.patience, LEAVING_PATIENCE)
        try:
            async with asyncio.timeout(LEAVING_SECONDS):
                for _ in range(LEAVING_TRIES):
                    # What a check has begun may still go on at the device, and refuse this.
                    with suppress(FoundError, SecurePairError):
                        if await self._leave():
                            return True
        except CannotCheckError, TimeoutError:
            pass
        finally:
            self.hang_up()
        return False

    async def _leave(self) -> bool:
        if not await self.dismiss():
            return False
        await self._unpair_each()
        if await self._is_known():
            with suppress(FoundError, SecurePairError):
                # A negotiation replaces this terminal's session, whatever it is.
                answered = await self.to_m6()
                answered.line.send(answered.m7)
                await Talk(answered.line, answered.proven.traffic).left()
            # A device that speaks out of turn has stored it all the same.
            await self._unpair_each()
        return not await self._is_known()

    async def _unpair_each(self) -> None:
        for known in reversed(self.made):
            with suppress(FoundError, SecurePairError):
                line, resumed, r3 = await self.to_r2(known)
                line.send(r3)
                await Talk(line, resumed.traffic).left()

    async def _is_known(self) -> bool:
        return any([await self.knows(known) for known in self.made])
