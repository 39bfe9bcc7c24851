"""The seven steps: what they end in, and each check by itself (docs/protocol.md, section 4)."""

import os

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from secure_pair_protocol import keys
from secure_pair_protocol.crypto import PRIMITIVES
from secure_pair_protocol.errors import Failure
from secure_pair_protocol.keys import EMPTY_PAIRING_SECRET, Grant
from secure_pair_protocol.messages import (
    AuthenticationRequest,
    Challenge,
    ChallengeResponse,
    DeviceKey,
    TerminalConfirmation,
)
from secure_pair_protocol.negotiation import Authorization, DeviceIdentity
from secure_pair_protocol.secret import Secret

from .failing import fails
from .low_order import LOW_ORDER
from .roles import (
    GRANT,
    INSTALLATION,
    NEGOTIATION,
    TERMINAL_ID,
    Cloud,
    Device,
    Path,
    Spy,
    Terminal,
    device_identity,
    flip,
    honest,
    instead,
    negotiate,
    recording,
    secret,
)

NOT_A_MESSAGE = {Failure.MALFORMED, Failure.OUT_OF_ORDER}


def refused(
    failure: Failure,
    path: Path = honest,
    *,
    terminal: Terminal | None = None,
    cloud: Cloud | None = None,
    device: Device | None = None,
) -> tuple[Terminal, Device]:
    """Hold that a negotiation ends with this failure, and that the device stores nothing."""
    terminal, device = terminal or Terminal(), device or Device()
    with fails(failure):
        negotiate(terminal, cloud or Cloud(), device, path)
    assert device.accepted is None
    return terminal, device


def recorded() -> dict[str, bytes]:
    """Return all that went over the path in a negotiation of its own."""
    messages: dict[str, bytes] = {}
    negotiate(Terminal(), Cloud(), Device(), recording(messages))
    return messages


def public_key() -> bytes:
    return X25519PrivateKey.generate().public_key().public_bytes_raw()


# Agreement


def assert_agreed(terminal: Terminal, device: Device, grant: Grant) -> None:
    proven, accepted = terminal.proven, device.accepted
    assert proven is not None
    assert accepted is not None
    session = accepted.session
    assert proven.session_key.reveal() == session.session_key.reveal()
    assert proven.session_id == session.session_id
    assert proven.transcript == device.answered.agreement.transcript == accepted.transcript
    for direction in ("terminal_to_device", "device_to_terminal"):
        one, other = getattr(proven.traffic, direction), getattr(accepted.traffic, direction)
        assert one.reveal() == other.reveal()
    assert session.terminal_id == terminal.terminal_id
    assert session.grant == grant
    assert proven.lifetime == grant.lifetime
    assert proven.installation == device.identity.installation


@settings(deadline=None, max_examples=50)
@given(
    device_id=st.text(
        st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=64
    ),
    terminal_id=st.binary(min_size=16, max_size=16),
    texts=st.tuples(st.text(max_size=64), st.text(max_size=64)),
    installation=st.binary(min_size=8, max_size=8),
    pairing=st.just(b"") | st.binary(min_size=32, max_size=32),
    grant=st.builds(Grant, st.integers(0, 2**64 - 1), st.integers(0, 2**32 - 1)),
)
def test_both_ends_agree(
    device_id: str,
    terminal_id: bytes,
    texts: tuple[str, str],
    installation: bytes,
    pairing: bytes,
    grant: Grant,
) -> None:
    identity = DeviceIdentity(device_id, secret("K"), Secret(pairing), *texts, installation)
    terminal = Terminal(
        device_id=device_id,
        terminal_id=terminal_id,
        token=terminal_id,
        pairing_secret=Secret(pairing),
        expected_installation=installation,
    )
    device = Device(identity=identity, epoch=grant.epoch)
    negotiate(terminal, Cloud(initial_keys={device_id: secret("K")}, grant=grant), device)
    assert_agreed(terminal, device, grant)


def test_nothing_repeats_in_a_second_negotiation() -> None:
    private_keys = X25519PrivateKey.generate(), X25519PrivateKey.generate()
    found = []
    for _ in range(2):
        # The same key pairs and first data: the nonce alone is fresh.
        terminal = Terminal(private_key=private_keys[0])
        device = Device(private_key=private_keys[1], first_data=bytes(32))
        negotiate(terminal, Cloud(), device)
        assert terminal.proven is not None
        traffic = terminal.proven.traffic
        found += [
            terminal.responded.first_encrypted_data,
            terminal.responded.ticket.reveal(),
            terminal.proven.session_id,
            terminal.proven.session_key.reveal(),
            traffic.terminal_to_device.reveal(),
            traffic.device_to_terminal.reveal(),
        ]
    assert len(set(found)) == 12


def test_no_state_shows_a_secret() -> None:
    terminal, cloud, device = Terminal(), Cloud(), Device()
    negotiate(terminal, cloud, device)
    assert terminal.proven is not None
    assert device.accepted is not None
    agreement = device.answered.agreement
    secrets = [
        secret("K"),
        secret("p"),
        terminal.responded.ticket,
        agreement.session_key,
        agreement.device_confirmation,
        agreement.terminal_confirmation,
        agreement.traffic.terminal_to_device,
        agreement.traffic.device_to_terminal,
        Secret(terminal.private_key.private_bytes_raw()),
        Secret(device.private_key.private_bytes_raw()),
    ]
    states = [
        terminal.requested,
        terminal.challenged,
        terminal.responded,
        terminal.proven,
        terminal.ask(cloud),
        device.issued,
        device.opened,
        device.answered,
        device.accepted,
    ]
    shown = repr(states)
    assert repr(device.first_data) in shown
    for hidden in map(Secret.reveal, secrets):
        for form in (repr(hidden)[2:-1], hidden.hex(), repr(list(hidden))):
            assert form not in shown


# Whatever is altered on the way

EXPECTED = {
    "m1": {*NOT_A_MESSAGE, Failure.VERSION_NOT_SUPPORTED, Failure.AUTHORIZATION_REJECTED},
    "m2": {*NOT_A_MESSAGE, Failure.WRONG_DEVICE, Failure.AUTHORIZATION_REJECTED},
    "first encrypted data": {Failure.AUTHORIZATION_REJECTED},
    "ticket key": {Failure.DEVICE_UNPROVEN},
    "m5": {*NOT_A_MESSAGE, Failure.AUTHORIZATION_REJECTED},
    "m6": {*NOT_A_MESSAGE, Failure.DEVICE_UNPROVEN},
    "m7": {*NOT_A_MESSAGE, Failure.TERMINAL_UNPROVEN},
}


@pytest.mark.parametrize("name", NEGOTIATION)
def test_every_flipped_bit_is_noticed(name: str) -> None:
    seen = set()
    for bit in range(8 * len(recorded()[name])):
        terminal, device = Terminal(), Device()
        with fails(*EXPECTED[name]) as caught:
            negotiate(terminal, Cloud(), device, flip(name, bit))
        assert device.accepted is None
        # Only after an altered m7 has the terminal a session, provisional, that nobody else has.
        assert (terminal.proven is not None) == (name == "m7")
        seen.add(caught.value.failure)
    assert seen >= EXPECTED[name] - NOT_A_MESSAGE


@pytest.mark.parametrize("name", NEGOTIATION[1:])
def test_nothing_of_another_negotiation_fits(name: str) -> None:
    """But m1, which is the same each time: what is fresh is in the answers."""
    code = (EXPECTED[name] - NOT_A_MESSAGE - {Failure.WRONG_DEVICE}).pop()
    refused(code, instead(name, recorded()[name]))


def test_lifetime_is_the_one_in_the_first_encrypted_data() -> None:
    """The number beside it in the cloud's answer is not bound: it tells when to renew."""
    terminal, cloud, device = Terminal(), Cloud(), Device()
    terminal.receive_challenge(device.receive_request(terminal.request()))
    answer = terminal.ask(cloud)
    altered = Authorization(answer.first_encrypted_data, answer.ticket_key, 1)
    device.receive_confirmation(
        terminal.receive_device_key(device.receive_response(terminal.respond(altered)))
    )
    assert terminal.proven is not None
    assert terminal.proven.lifetime == 1
    assert device.accepted is not None
    assert device.accepted.session.grant == cloud.grant


# Each binding by itself


def test_swapped_first_public_key() -> None:
    """The man in the middle of the method's literal form."""

    def swap(m5: bytes) -> bytes:
        sealed = PRIMITIVES.decode(ChallengeResponse, m5).first_encrypted_data
        return PRIMITIVES.encode(ChallengeResponse(sealed, public_key()))

    refused(Failure.AUTHORIZATION_REJECTED, instead("m5", swap))


def test_swapped_device_public_key() -> None:
    def swap(m6: bytes) -> bytes:
        confirmation = PRIMITIVES.decode(DeviceKey, m6).confirmation
        return PRIMITIVES.encode(DeviceKey(public_key(), confirmation))

    terminal, _ = refused(Failure.DEVICE_UNPROVEN, instead("m6", swap))
    assert terminal.proven is None


def test_device_of_another_id_answers() -> None:
    refused(Failure.WRONG_DEVICE, device=Device(identity=device_identity("another")))


def test_device_of_another_account() -> None:
    refused(Failure.NOT_YOURS, cloud=Cloud(initial_keys={"another": secret("K")}))


def test_request_of_another_terminal_at_the_device() -> None:
    other = PRIMITIVES.encode(AuthenticationRequest(1, bytes(16)))
    refused(Failure.AUTHORIZATION_REJECTED, instead("m1", other))


def test_token_of_another_terminal() -> None:
    _, device = refused(Failure.TOKEN_REFUSED, terminal=Terminal(token=bytes(16)))
    assert not hasattr(device, "opened")


@pytest.mark.parametrize(
    "initial_key",
    [secret("k"), pytest.param(secret("K"), id="even with the same initial key")],
)
def test_authorization_for_another_device(initial_key: Secret) -> None:
    """Its owner may ask for it; it opens nothing here."""
    other = "another"

    def rename(m2: bytes) -> bytes:
        return PRIMITIVES.encode(replace(PRIMITIVES.decode(Challenge, m2), device_id=other))

    refused(
        Failure.AUTHORIZATION_REJECTED,
        instead("m2", rename),
        terminal=Terminal(device_id=other),
        cloud=Cloud(initial_keys={other: initial_key}),
    )


def test_first_encrypted_data_for_a_former_challenge() -> None:
    """The same terminal, with the same key pair, uses an answer of the cloud again."""
    terminal, cloud = Terminal(), Cloud()
    messages: dict[str, bytes] = {}
    negotiate(terminal, cloud, Device(), recording(messages))
    refused(
        Failure.AUTHORIZATION_REJECTED,
        instead("m5", messages["m5"]),
        terminal=Terminal(private_key=terminal.private_key),
    )


def test_first_data_that_differs_within_a_good_seal() -> None:
    """Only the comparison itself is left to notice it."""
    terminal, device = Terminal(), Device()
    terminal.receive_challenge(device.receive_request(terminal.request()))
    question = terminal.challenged
    ctx = keys.context(PRIMITIVES, terminal.requested.m1, question.m2, question.first_public_key)
    for first_data in (device.first_data, os.urandom(32)):
        sealed = keys.seal_authorization(
            PRIMITIVES, secret("K"), ctx, first_data, Grant(0, 0), os.urandom(12)
        )
        m5 = PRIMITIVES.encode(ChallengeResponse(sealed, question.first_public_key))
        if first_data == device.first_data:
            device.receive_response(m5)
            continue
        with fails(Failure.AUTHORIZATION_REJECTED):
            device.receive_response(m5)


def test_ticket_key_of_another_answer_to_the_same_question() -> None:
    terminal, cloud, device = Terminal(), Cloud(), Device()
    terminal.receive_challenge(device.receive_request(terminal.request()))
    one, other = terminal.ask(cloud), terminal.ask(cloud)
    mixed = Authorization(one.first_encrypted_data, other.ticket_key, one.lifetime)
    m6 = device.receive_response(terminal.respond(mixed))
    with fails(Failure.DEVICE_UNPROVEN):
        terminal.receive_device_key(m6)


def test_other_initial_key() -> None:
    """A counterfeit device, or a wrong registry."""
    counterfeit = device_identity(initial_key=secret("k"))
    refused(Failure.AUTHORIZATION_REJECTED, device=Device(identity=counterfeit))


@pytest.mark.parametrize(
    ("at_terminal", "at_device"),
    [
        pytest.param(secret("q"), secret("p"), id="wrong"),
        pytest.param(EMPTY_PAIRING_SECRET, secret("p"), id="none at the terminal"),
        pytest.param(secret("p"), EMPTY_PAIRING_SECRET, id="none at the device"),
    ],
)
class TestPairingSecret:
    def test_terminal_notices(self, at_terminal: Secret, at_device: Secret) -> None:
        terminal, _ = refused(
            Failure.DEVICE_UNPROVEN,
            terminal=Terminal(pairing_secret=at_terminal),
            device=Device(identity=device_identity(pairing_secret=at_device)),
        )
        assert terminal.proven is None

    def test_device_notices(self, at_terminal: Secret, at_device: Secret) -> None:
        """Also where the terminal is one that does not check."""
        terminal = Terminal(pairing_secret=at_terminal)
        device = Device(identity=device_identity(pairing_secret=at_device))
        with fails(Failure.DEVICE_UNPROVEN):
            negotiate(terminal, Cloud(), device)
        with fails(Failure.TERMINAL_UNPROVEN):
            device.receive_confirmation(forged_m7(terminal, device))
        assert device.accepted is None


def forged_m7(terminal: Terminal, device: Device) -> bytes:
    """Return the m7 of a terminal that has skipped its own check of m6."""
    device_key = PRIMITIVES.public_key(device.private_key)
    agreement = keys.agree_session(
        PRIMITIVES,
        authority_key=PRIMITIVES.agree(terminal.private_key, device_key),
        ticket=terminal.responded.ticket,
        pairing=terminal.pairing_secret,
        ctx=terminal.responded.ctx,
        first_encrypted_data=terminal.responded.first_encrypted_data,
        device_key=device_key,
    )
    tag = PRIMITIVES.hmac(agreement.terminal_confirmation, agreement.transcript)
    return PRIMITIVES.encode(TerminalConfirmation(tag))


def test_forged_m7_is_the_real_one_where_all_is_right() -> None:
    terminal, device = Terminal(), Device()
    messages: dict[str, bytes] = {}
    negotiate(terminal, Cloud(), device, recording(messages))
    assert forged_m7(terminal, device) == messages["m7"]


@pytest.mark.parametrize("own_epoch", [8, 2**64 - 1])
def test_lower_epoch(own_epoch: int) -> None:
    _, device = refused(
        Failure.EPOCH_REFUSED,
        cloud=Cloud(grant=Grant(epoch=7, lifetime=0)),
        device=Device(epoch=own_epoch),
    )
    assert not hasattr(device, "opened")


@pytest.mark.parametrize("own_epoch", [0, 6, 7])
def test_epoch_that_is_not_lower(own_epoch: int) -> None:
    terminal, device = Terminal(), Device(epoch=own_epoch)
    negotiate(terminal, Cloud(grant=Grant(epoch=7, lifetime=0)), device)
    assert_agreed(terminal, device, Grant(7, 0))


def test_epoch_that_rises_between_m5_and_m7() -> None:
    device = Device(epoch=7)

    def change_owner(m7: bytes) -> bytes:
        device.epoch = 8
        return m7

    refused(
        Failure.EPOCH_REFUSED,
        instead("m7", change_owner),
        cloud=Cloud(grant=Grant(epoch=7, lifetime=0)),
        device=device,
    )


class TestInstallation:
    """A renewal by itself does not follow a device through a factory reset."""

    def test_same(self) -> None:
        terminal, device = Terminal(expected_installation=INSTALLATION), Device()
        negotiate(terminal, Cloud(), device)
        assert_agreed(terminal, device, GRANT)

    def test_other(self) -> None:
        """It stops after m6, before m7."""
        seen: dict[str, bytes] = {}
        terminal, _ = refused(
            Failure.DEVICE_RESET,
            recording(seen),
            terminal=Terminal(expected_installation=bytes(8)),
        )
        assert terminal.proven is None
        assert set(seen) == {*NEGOTIATION} - {"m7"}

    def test_only_the_device_itself_can_say_so(self) -> None:
        """Somebody on the path who claims a reset is no reason to ask the user."""
        terminal = Terminal(expected_installation=bytes(8))
        refused(Failure.DEVICE_UNPROVEN, flip("m6", 8 * 60), terminal=terminal)


@pytest.mark.parametrize("version", [0, 2, 255])
def test_unknown_version(version: int) -> None:
    m1 = PRIMITIVES.encode(AuthenticationRequest(version, TERMINAL_ID))
    refused(Failure.VERSION_NOT_SUPPORTED, instead("m1", m1))
    m2 = recorded()["m2"]
    with fails(Failure.VERSION_NOT_SUPPORTED):
        Cloud().authorize(TERMINAL_ID, m1, m2, public_key())


# Points of low order


@pytest.mark.parametrize("point", LOW_ORDER, ids=bytes.hex)
class TestLowOrder:
    def test_first_public_key(self, point: bytes) -> None:
        """An owner's own terminal may be broken; the device still agrees on no such key."""
        terminal, cloud, device = Terminal(), Cloud(), Device()
        m1 = terminal.request()
        m2 = device.receive_request(m1)
        answer = cloud.authorize(TERMINAL_ID, m1, m2, point)
        m5 = PRIMITIVES.encode(ChallengeResponse(answer.first_encrypted_data, point))
        with fails(Failure.TERMINAL_UNPROVEN):
            device.receive_response(m5)
        assert not hasattr(device, "answered")

    def test_device_public_key(self, point: bytes) -> None:
        """With it all that an attacker lacks is the ticket; here it has even that."""
        terminal, device = Terminal(), Device()

        def forge(_: bytes) -> bytes:
            return forged_m6(terminal, point, authority_key=Secret(bytes(32)))

        refused(Failure.DEVICE_UNPROVEN, instead("m6", forge), terminal=terminal, device=device)
        assert terminal.proven is None


def forged_m6(terminal: Terminal, device_key: bytes, authority_key: Secret) -> bytes:
    """Return the m6 of somebody who has ticket key and pairing secret."""
    agreement = keys.agree_session(
        PRIMITIVES,
        authority_key=authority_key,
        ticket=terminal.responded.ticket,
        pairing=terminal.pairing_secret,
        ctx=terminal.responded.ctx,
        first_encrypted_data=terminal.responded.first_encrypted_data,
        device_key=device_key,
    )
    tag = PRIMITIVES.hmac(agreement.device_confirmation, agreement.transcript)
    return PRIMITIVES.encode(DeviceKey(device_key, tag))


def test_forged_m6_is_good_with_any_other_key() -> None:
    """So in `TestLowOrder` it is the point that is refused, not the confirmation."""
    terminal, own = Terminal(), X25519PrivateKey.generate()

    def forge(_: bytes) -> bytes:
        first_public_key = terminal.private_key.public_key().public_bytes_raw()
        return forged_m6(
            terminal,
            own.public_key().public_bytes_raw(),
            PRIMITIVES.agree(own, first_public_key),
        )

    refused(Failure.TERMINAL_UNPROVEN, instead("m6", forge), terminal=terminal)
    assert terminal.proven is not None


# No curve operation for a stranger


@pytest.mark.parametrize(
    ("cloud", "device", "path"),
    [
        pytest.param(Cloud(), Device(), flip("m5", 8 * 40), id="sealed by a stranger"),
        pytest.param(Cloud(grant=Grant(7, 0)), Device(epoch=8), honest, id="former owner"),
    ],
)
def test_device_does_no_curve_operation_before_m5_is_authorized(
    cloud: Cloud, device: Device, path: Path
) -> None:
    device.crypto = spy = Spy()
    with fails(Failure.AUTHORIZATION_REJECTED, Failure.EPOCH_REFUSED):
        negotiate(Terminal(), cloud, device, path)
    assert spy.curve == []


def test_spy_sees_curve_operations() -> None:
    spy = Spy()
    negotiate(Terminal(), Cloud(), Device(crypto=spy))
    assert sorted(spy.curve) == ["agree", "public_key"]
