"""The model beside its README: what can be held of it without the prover."""

import re

import pytest

from scripts import prove
from scripts.prove import CLAIM, FORMAL, LIBRARIES, Proof

PAGE = (FORMAL / "README.md").read_text()
PROOFS = list(prove.proofs())
WHOLE = [proof for proof in PROOFS if not proof.instead]


def rows(text: str) -> list[list[str]]:
    """Return the cells of each row of the first table in the text, but for its head."""
    table = text.partition("\n|")[2].partition("\n\n")[0]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in table.splitlines()[2:]]


def test_every_file_is_on_the_page() -> None:
    named = set(re.findall(r"`([\w-]+\.(?:pv|pvl|toml))`", rows_of_files()))
    assert named == {path.name for path in FORMAL.iterdir()} - {"README.md"}
    assert {f"{scene}.pv" for scene in LIBRARIES} <= named


def rows_of_files() -> str:
    return "\n".join(row[0] for row in rows(PAGE))


@pytest.mark.parametrize("proof", PROOFS, ids=lambda proof: f"{proof.scene}: {proof.what}")
def test_what_is_dropped_is_there(proof: Proof) -> None:
    """Each line exactly once, and the claims that fall without it are claims of the scene."""
    assert len(list(proof.libraries())) == len(LIBRARIES[proof.scene])
    claims = dict(CLAIM.findall((FORMAL / f"{proof.scene}.pv").read_text()))
    assert proof.falls <= claims.keys() - {"run"}


@pytest.mark.parametrize("proof", WHOLE, ids=lambda proof: proof.scene)
def test_verdicts_on_the_page(proof: Proof) -> None:
    section = PAGE.partition(f"### `{proof.scene}.pv`")[2]
    claims = CLAIM.findall((FORMAL / f"{proof.scene}.pv").read_text())
    said = [[f"*{name}*: {text}", verdict(proof, name)] for name, text in claims]
    assert rows(section) == said


def verdict(proof: Proof, claim: str) -> str:
    return "false" if claim == "run" or claim in proof.falls else "true"


def test_what_falls_on_the_page() -> None:
    said = {
        (what, scene): set() if falls == "nothing" else {*falls.split(", ")}
        for what, scene, falls, _ in rows(PAGE.partition("### Each binding dropped")[2])
    }
    assert said == {(p.what, p.scene): p.falls for p in PROOFS if p.instead}
