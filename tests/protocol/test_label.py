"""The setup code on a device's label (docs/protocol.md, section 3)."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from secure_pair_protocol.errors import Failure, SecurePairError
from secure_pair_protocol.label import (
    ALPHABET,
    SetupCode,
    check_character,
    draw_setup_code,
    parse_setup_code,
)

MISTYPED = SecurePairError(Failure.MISTYPED_SETUP_CODE)

codes = st.binary(min_size=15, max_size=15).map(draw_setup_code)
texts = codes.map(lambda code: code.text.replace("-", ""))


def read(text: str) -> bytes:
    return parse_setup_code(text).characters.reveal()


def mistyped(text: str) -> bool:
    """Tell whether a text is refused; hold that the refusal has nothing of the text."""
    try:
        read(text)
    except SecurePairError as error:
        refusal = error
    else:
        return False
    assert (refusal.failure, refusal.args) == (Failure.MISTYPED_SETUP_CODE, MISTYPED.args)
    assert repr(refusal) == repr(MISTYPED)
    assert refusal.__cause__ is refusal.__context__ is None
    return True


# Round trip


@given(codes)
def test_round_trip(code: SetupCode) -> None:
    parsed = parse_setup_code(code.text)
    assert parsed.characters.reveal() == code.characters.reveal()
    assert parsed.device_id is None
    assert [len(group) for group in code.text.split("-")] == [4, 4, 4, 4]
    assert set(code.text) <= {*ALPHABET, "-"}


def test_a_code_has_75_bits() -> None:
    """Each character takes every one of its 32 values, from any byte."""
    for place in range(15):
        drawn = {
            draw_setup_code(bytes(place) + bytes([byte]) + bytes(14 - place)).characters.reveal()
            for byte in range(32)
        }
        assert len(drawn) == 32


@pytest.mark.parametrize("size", [0, 14, 16])
def test_other_amounts_of_randomness(size: int) -> None:
    with pytest.raises(ValueError, match="15 random bytes"):
        draw_setup_code(bytes(size))


def test_repr_does_not_show_the_code() -> None:
    code = draw_setup_code(bytes(range(15)))
    assert code.characters.reveal().decode() not in repr(code)
    assert code.characters.reveal().decode() not in repr(parse_setup_code(code.text))


# What is forgiven


@given(codes, st.data())
def test_case_spaces_dashes_and_look_alikes(code: SetupCode, data: st.DataObject) -> None:
    typed = ""
    for character in code.text.replace("-", ""):
        look_alikes = {"0": "0oO", "1": "1iIlL"}.get(character, character + character.lower())
        typed += data.draw(st.text(" -", max_size=2))
        typed += data.draw(st.sampled_from(look_alikes))
    typed += data.draw(st.sampled_from(["", " ", "-", "\n", "-\t"]))
    assert read(typed) == code.characters.reveal()


@given(
    codes,
    st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=64),
    st.sampled_from(["SP1:", "sp1:", "Sp1:", " SP1:"]),
)
def test_qr_text(code: SetupCode, device_id: str, prefix: str) -> None:
    """Device ids may have colons and capitals, and stay as they are."""
    text = code.qr_text(device_id)
    assert text == f"SP1:{device_id}:{code.text}"
    parsed = parse_setup_code(prefix + text.removeprefix("SP1:"))
    assert parsed.characters.reveal() == code.characters.reveal()
    assert parsed.device_id == device_id


# What is not


@settings(deadline=None, max_examples=20)
@given(texts)
def test_every_wrong_character_is_noticed(text: str) -> None:
    for place, right in enumerate(text):
        for wrong in ALPHABET.replace(right, "") + "U":
            assert mistyped(text[:place] + wrong + text[place + 1 :])


@settings(deadline=None, max_examples=20)
@given(texts)
def test_swapped_neighbours_are_noticed_but_0_and_z(text: str) -> None:
    """What Luhn mod 32 does not catch: 0Z for Z0, as Luhn does not catch 09 for 90."""
    for place in range(15):
        one, other = text[place], text[place + 1]
        if one == other:
            continue
        swapped = text[:place] + other + one + text[place + 2 :]
        assert mistyped(swapped) == ({one, other} != {"0", "Z"})


def test_the_only_pair_whose_swap_goes_unnoticed() -> None:
    """At every place, the one that the check character takes part in included."""
    unnoticed = set()
    for place in range(14):
        for one in ALPHABET:
            for other in ALPHABET:
                characters = "8" * place + one + other + "8" * (13 - place)
                swapped = "8" * place + other + one + "8" * (13 - place)
                if one < other and check_character(characters) == check_character(swapped):
                    unnoticed.add((one, other))
    assert unnoticed == {("0", "Z")}


@given(texts, st.integers(0, 15), st.sampled_from(ALPHABET))
def test_wrong_length(text: str, place: int, added: str) -> None:
    assert mistyped(text[:place] + text[place + 1 :])
    assert mistyped(text[:place] + added + text[place:])


@pytest.mark.parametrize(
    "text",
    [
        "",
        "-",
        "SP1:",
        "SP1:2867fa12a3d8:",
        "SP1::0000-0000-0000-0000",
        "SP2:2867fa12a3d8:0000-0000-0000-0000",
        "0000-0000-0000-000U",
        "0000_0000_0000_0000",
        "0000\t0000\t0000\t0000",
        "https://example.com/0000-0000-0000-0000",
    ],
)
def test_what_is_no_code(text: str) -> None:
    assert mistyped(text)


@pytest.mark.parametrize("letter", ["\u017f", "\u0131"])
def test_letters_that_only_look_alike_in_upper_case(letter: str) -> None:
    """They are S and I then, and a code may be typed as I."""
    code = letter.upper().translate({ord("I"): "1"}) + "0" * 14
    typed = code + check_character(code)
    assert not mistyped(typed)
    assert mistyped(letter + typed[1:])


@given(st.text(max_size=40) | st.text(ALPHABET + "iloILOuU- :\u017f\u0131\u00df", max_size=40))
def test_any_text_is_a_code_or_mistyped(text: str) -> None:
    if not mistyped(text):
        characters = read(text).decode()
        assert len(characters) == 15
        assert set(characters) <= set(ALPHABET)


# What derives from it


def test_stretching_is_bound_to_code_and_device_id() -> None:
    code, other = draw_setup_code(bytes(15)), draw_setup_code(bytes(14) + b"\1")
    derived = [
        code.stretch("aabbccddeeff"),
        code.stretch("aabbccddeef0"),
        other.stretch("aabbccddeeff"),
    ]
    secrets = [keys.pairing_secret.reveal() for keys in derived]
    secrets += [keys.claim_proof.reveal() for keys in derived]
    assert len(set(secrets)) == 6
    assert {len(secret) for secret in secrets} == {32}
    assert not any(secret.hex() in repr(derived) for secret in secrets)


def test_stretching_again_comes_to_the_same() -> None:
    """The typed text's form, and the device id in a QR text, make no difference."""
    code = draw_setup_code(b"any fifteen byt")
    typed = parse_setup_code(code.qr_text("aabbccddeeff").replace("-", " "))
    one, other = code.stretch("aabbccddeeff"), typed.stretch("aabbccddeeff")
    assert one.pairing_secret.reveal() == other.pairing_secret.reveal()
    assert one.claim_proof.reveal() == other.claim_proof.reveal()
