"""The negotiation: each binding left out in turn (docs/protocol.md, sections 4 and 6)."""

from secure_pair_protocol import keys, negotiation

from . import scenes
from .backend import Symbolic
from .claims import Claim
from .leaving_out import (
    ANY_EPOCH_HELD,
    ZERO_ACCEPTED,
    Patch,
    one_label,
    one_session_id,
    unchecked,
    unchecked_in,
    without,
)
from .mutation import covered, falls

HONEST = scenes.one_terminal, scenes.two_terminals, scenes.bought_from_the_attacker
"""Where the key service is."""
ANY = *HONEST, scenes.dishonest_once
LABELLED = (scenes.labelled,)

DERIVED = (
    "session key",
    "session id",
    "terminal to device",
    "device to terminal",
)
CONFIRMATIONS = ("device confirmation", "terminal confirmation")

ANY_VERSION = unchecked(negotiation, "check_version")
ANY_DEVICE = unchecked(negotiation, "check_device")
ANY_FIRST_DATA = unchecked(negotiation, "check_first_data")
ANY_EPOCH = unchecked(negotiation, "check_epoch")

NO_M2 = without(keys, "context", "m2")
F_KEY = without(Symbolic, "expand", "context", labels=("authorize",))
F_AAD = without(Symbolic, "seal", "aad"), without(Symbolic, "open", "aad")
NO_TICKET = without(keys, "agree_session", "ticket")
TICKET_CTX = without(keys, "ticket_key", "ctx")
TICKET_NONCE = without(keys, "ticket_key", "nonce")
NO_PAIRING_SECRET = without(keys, "agree_session", "pairing")
NO_F = without(keys, "agree_session", "first_encrypted_data")
NO_CTX = without(keys, "agree_session", "ctx")
CONFIRMED_TEXT = without(Symbolic, "hmac", "message")
CONFIRMED_KEY = without(Symbolic, "expand", "context", labels=CONFIRMATIONS)

NEGOTIATION = (
    # The checks
    falls("check of the version", Claim.VERSION, scenes.one_terminal, ANY_VERSION),
    falls(
        "check of the version, at the device",
        Claim.VERSION,
        scenes.one_terminal,
        unchecked_in(negotiation, "issue_challenge", "check_version"),
    ),
    falls(
        "check of the version, at the key service",
        Claim.VERSION,
        scenes.one_terminal,
        unchecked_in(negotiation, "parse_authorization_request", "check_version"),
    ),
    falls(
        "check of the device id",
        Claim.TERMINAL_AGREES,
        scenes.bought_from_the_attacker,
        ANY_DEVICE,
    ),
    covered(
        "check of the device id, device with a label",
        "the pairing secret: another device has another",
        (scenes.bought_and_labelled,),
        ANY_DEVICE,
    ),
    falls(
        "check of the device id, and the pairing secret",
        Claim.TERMINAL_AGREES,
        scenes.bought_and_labelled,
        ANY_DEVICE,
        NO_PAIRING_SECRET,
    ),
    falls(
        "check of the terminal id",
        Claim.AUTHORIZATION,
        scenes.one_terminal,
        unchecked(negotiation, "check_terminal"),
    ),
    covered(
        "check of the first data",
        "ctx, which is over m2 and so over the first data",
        HONEST,
        ANY_FIRST_DATA,
    ),
    falls(
        "check of the first data, and m2 in ctx",
        Claim.AUTHORIZATION,
        scenes.one_terminal,
        ANY_FIRST_DATA,
        NO_M2,
    ),
    covered(
        "check of the epoch, at m5",
        "the same check at m7",
        (scenes.change_of_owner,),
        unchecked_in(negotiation, "open_response", "check_epoch"),
    ),
    covered(
        "check of the epoch, at m5 and m7",
        "the device's rules for its sessions, which check it a third time",
        (scenes.change_of_owner,),
        ANY_EPOCH,
    ),
    covered(
        "check of the epoch in the rules",
        "the check at m7",
        (scenes.change_of_owner,),
        ANY_EPOCH_HELD,
    ),
    falls(
        "check of the epoch, at m5, m7 and in the rules",
        Claim.OWNER,
        scenes.change_of_owner,
        ANY_EPOCH,
        ANY_EPOCH_HELD,
    ),
    falls(
        "check of the device's confirmation",
        Claim.TERMINAL_AGREES,
        scenes.one_terminal,
        unchecked(negotiation, "check_device_confirmation"),
    ),
    falls(
        "check of the terminal's confirmation",
        Claim.DEVICE_AGREES,
        scenes.one_terminal,
        unchecked(negotiation, "check_terminal_confirmation"),
    ),
    falls(
        "check of the installation",
        Claim.RESET,
        scenes.factory_reset,
        unchecked(negotiation, "check_installation"),
    ),
    # The first encrypted data, and ctx
    covered("ctx in the key of F", "ctx in its aad", ANY, F_KEY),
    covered("ctx in the aad of F", "ctx in its key", ANY, *F_AAD),
    falls("ctx in key and aad of F", Claim.AUTHORIZATION, scenes.one_terminal, F_KEY, *F_AAD),
    falls(
        "initial key in the key of F",
        Claim.AUTHORIZATION,
        scenes.one_terminal,
        without(Symbolic, "expand", "key", labels=("authorize",)),
    ),
    falls(
        "first public key in ctx",
        Claim.AUTHORIZATION,
        scenes.one_terminal,
        without(keys, "context", "first_key"),
    ),
    falls("m1 in ctx", Claim.AUTHORIZATION, scenes.one_terminal, without(keys, "context", "m1")),
    falls("m2 in ctx", Claim.TERMINAL_AGREES, scenes.one_terminal, NO_M2),
    falls(
        "m2 in ctx, where the device was reset",
        Claim.TERMINAL_AGREES,
        scenes.factory_reset,
        NO_M2,
        also=(Claim.RESET,),
    ),
    falls("fresh first data", Claim.AUTHORIZATION, scenes.same_first_data),
    # The ticket key
    covered("ctx in the ticket key", "the nonce in it", ANY, TICKET_CTX),
    covered("nonce in the ticket key", "ctx in it", ANY, TICKET_NONCE),
    falls(
        "nonce in the ticket key, where the token is stolen",
        Claim.TERMINAL_AGREES,
        scenes.stolen_token,
        TICKET_NONCE,
        also=(Claim.SECRECY,),
    ),
    falls(
        "ctx and nonce in the ticket key",
        Claim.TERMINAL_AGREES,
        scenes.one_terminal,
        TICKET_CTX,
        TICKET_NONCE,
    ),
    falls(
        "initial key in the ticket key",
        Claim.TERMINAL_AGREES,
        scenes.one_terminal,
        without(keys, "ticket_key", "initial_key"),
    ),
    # The extract
    falls(
        "ticket key in the extract",
        Claim.TERMINAL_AGREES,
        scenes.one_terminal,
        NO_TICKET,
        also=(Claim.SECRECY,),
    ),
    covered(
        "ticket key in the extract, device with a label",
        "the pairing secret: the attacker has neither",
        LABELLED,
        NO_TICKET,
    ),
    falls(
        "ticket key and pairing secret in the extract",
        Claim.TERMINAL_AGREES,
        scenes.labelled,
        NO_TICKET,
        NO_PAIRING_SECRET,
    ),
    falls(
        "pairing secret in the extract",
        Claim.TERMINAL_AGREES,
        scenes.dishonest,
        NO_PAIRING_SECRET,
        also=(Claim.SECRECY, Claim.DEVICE_AGREES),
    ),
    falls(
        "authority key in the extract",
        Claim.PASSIVE,
        scenes.one_terminal,
        without(keys, "agree_session", "authority_key"),
        also=(Claim.LEAK,),
    ),
    falls(
        "authority key in the extract, where the initial keys leak",
        Claim.LEAK,
        scenes.leak,
        without(keys, "agree_session", "authority_key"),
        also=(Claim.SECRECY, Claim.PASSIVE),
    ),
    falls("refusal of a zero result", Claim.PASSIVE, scenes.one_terminal, ZERO_ACCEPTED),
    # The transcript
    covered(
        "ctx in the transcript",
        "F and the ticket key, which are made over ctx by an honest key service",
        HONEST,
        NO_CTX,
    ),
    falls(
        "ctx in the transcript, dishonest key service",
        Claim.TERMINAL_AGREES,
        scenes.dishonest,
        NO_CTX,
    ),
    covered(
        "F in the transcript",
        "the ticket key: an honest key service answers a question once, and nobody else seals",
        HONEST,
        NO_F,
    ),
    falls(
        "F in the transcript, dishonest key service",
        Claim.TERMINAL_AGREES,
        scenes.dishonest,
        NO_F,
    ),
    falls(
        "device public key in the transcript",
        Claim.TERMINAL_AGREES,
        scenes.one_terminal,
        without(keys, "agree_session", "device_key"),
    ),
    covered(
        "transcript in the confirmations' keys",
        "the transcript as what they are made over",
        ANY,
        CONFIRMED_KEY,
    ),
    covered(
        "transcript as what the confirmations are made over",
        "the transcript in their keys",
        ANY,
        CONFIRMED_TEXT,
    ),
    falls(
        "transcript in the confirmations",
        Claim.TERMINAL_AGREES,
        scenes.one_terminal,
        CONFIRMED_KEY,
        CONFIRMED_TEXT,
    ),
    covered(
        "transcript in session key, session id and traffic keys",
        "the confirmations, and prk, which no other negotiation has",
        ANY,
        without(Symbolic, "expand", "context", labels=DERIVED),
    ),
    falls(
        "transcript, wherever it is",
        Claim.TERMINAL_AGREES,
        scenes.one_terminal,
        without(Symbolic, "expand", "context", labels=(*DERIVED, *CONFIRMATIONS)),
        CONFIRMED_TEXT,
    ),
    falls(
        "prk and transcript in the session id",
        Claim.SESSION_ID,
        scenes.stranger,
        Patch(keys, "agree_session", one_session_id),
    ),
    falls(
        "a label for each confirmation",
        Claim.DEVICE_AGREES,
        scenes.one_terminal,
        one_label(*CONFIRMATIONS),
    ),
    falls(
        "a label for each direction",
        Claim.FRESH_KEYS,
        scenes.one_terminal,
        one_label("terminal to device", "device to terminal"),
    ),
)
