"""Later connections: each binding left out in turn (docs/protocol.md, sections 5 and 6)."""

from secure_pair_protocol import keys, resumption

from . import scenes
from .backend import Symbolic
from .claims import Claim
from .leaving_out import (
    ANY_EPOCH_HELD,
    ZERO_ACCEPTED,
    Patch,
    one_label,
    unchecked,
    whatever_the_epoch,
    without,
    without_another_look,
)
from .mutation import covered, falls

RESUMED = scenes.resumption, scenes.whole_way_dishonest


ANY_VERSION_RESUMED = unchecked(resumption, "check_version")
ANY_EPOCH_FOUND = Patch(resumption, "check_session", whatever_the_epoch)

BINDER_VERSION = without(keys, "binder_text", "version")
RESUMED_WITHOUT_T = without(keys, "agree_resumption", "terminal_key")
BINDER_KEY = without(keys, "binder_text", "public_key")

RESUMPTION = (
    # The checks
    falls("check of r1's version", Claim.VERSION, scenes.resumption, ANY_VERSION_RESUMED),
    covered(
        "check of the session's epoch",
        "the device's rules: a session of a lower epoch goes",
        (scenes.former_session,),
        ANY_EPOCH_FOUND,
    ),
    falls(
        "check of the session's epoch, and in the rules",
        Claim.OWNER,
        scenes.former_session,
        ANY_EPOCH_FOUND,
        ANY_EPOCH_HELD,
    ),
    falls(
        "check of the session again at r3",
        Claim.GONE,
        scenes.gone_meanwhile,
        Patch(resumption, "accept_resumption", without_another_look),
    ),
    falls(
        "check of the binder",
        Claim.REPLAY,
        scenes.resumption,
        unchecked(resumption, "check_binder"),
    ),
    falls(
        "check of r2's confirmation",
        Claim.RESUMER_AGREES,
        scenes.resumption,
        unchecked(resumption, "check_device_confirmation"),
    ),
    falls(
        "check of r3's confirmation",
        Claim.HOLDER_AGREES,
        scenes.resumption,
        unchecked(resumption, "check_terminal_confirmation"),
    ),
    # The binder
    falls(
        "greeting's random in the binder",
        Claim.REPLAY,
        scenes.resumption,
        without(keys, "binder_text", "greeting_random"),
    ),
    falls("public key in the binder", Claim.REPLAY, scenes.resumption, BINDER_KEY),
    covered("version in the binder", "the check of r1's version", RESUMED, BINDER_VERSION),
    falls(
        "version in the binder, and the check of it",
        Claim.VERSION,
        scenes.resumption,
        BINDER_VERSION,
        ANY_VERSION_RESUMED,
        also=(Claim.REPLAY,),
    ),
    covered(
        "version in the transcript of a resumption",
        "the check of r1's version, and the binder",
        RESUMED,
        without(keys, "agree_resumption", "version"),
    ),
    covered(
        "session id in the binder",
        "its key: each session has a session key of its own",
        RESUMED,
        without(keys, "binder_text", "session_id"),
    ),
    falls(
        "session key in the binder's key",
        Claim.REPLAY,
        scenes.resumption,
        without(Symbolic, "expand", "key", labels=("binder",)),
    ),
    # What is derived
    falls(
        "session key in the extract",
        Claim.SECRECY,
        scenes.resumption,
        without(keys, "agree_resumption", "session_key"),
        also=(Claim.RESUMER_AGREES,),
    ),
    falls(
        "agreed secret in the extract",
        Claim.THEFT,
        scenes.resumption,
        without(keys, "agree_resumption", "agreed"),
    ),
    falls(
        "refusal of a zero result, later connections",
        Claim.THEFT,
        scenes.resumption,
        ZERO_ACCEPTED,
    ),
    falls(
        "device's key in the transcript of a resumption",
        Claim.RESUMER_AGREES,
        scenes.resumption,
        without(keys, "agree_resumption", "device_key"),
    ),
    covered(
        "terminal's key in the transcript of a resumption",
        "the binder, which is over it",
        RESUMED,
        RESUMED_WITHOUT_T,
    ),
    falls(
        "terminal's key in transcript and binder",
        Claim.REPLAY,
        scenes.resumption,
        RESUMED_WITHOUT_T,
        BINDER_KEY,
        also=(Claim.HOLDER_AGREES,),
    ),
    covered(
        "session id in the transcript of a resumption",
        "the session key in the extract",
        RESUMED,
        without(keys, "agree_resumption", "session_id"),
    ),
    falls(
        "a label for each confirmation, later connections",
        Claim.HOLDER_AGREES,
        scenes.resumption,
        one_label("resume device confirmation", "resume terminal confirmation"),
    ),
    falls(
        "a label for each direction, later connections",
        Claim.FRESH_KEYS,
        scenes.resumption,
        one_label("resume terminal to device", "resume device to terminal"),
    ),
    falls(
        "terminal's fresh key in r1",
        Claim.RESUMER_AGREES,
        scenes.same_key_at_the_terminal,
        also=(Claim.FRESH_KEYS,),
    ),
    covered(
        "device's fresh key in r2",
        "the terminal's in r1, and the greeting's random",
        (scenes.same_key_at_the_device,),
    ),
    falls(
        "fresh keys in r1 and r2",
        Claim.RESUMER_AGREES,
        scenes.same_keys_at_both,
        also=(Claim.FRESH_KEYS, Claim.HOLDER_AGREES),
    ),
)
