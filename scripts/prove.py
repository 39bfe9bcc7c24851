"""Ask ProVerif for the claims of formal/, of the whole and with each binding dropped.

Prints the tables of formal/README.md, and fails where a verdict is another than expected. Needs
`proverif` in PATH, or its path as the argument.
"""

import os
import re
import resource
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

FORMAL = Path(__file__).parent.parent / "formal"
LIMIT = 600
"""Seconds of one processor that a run may take."""

LIBRARIES = {
    "negotiation-honest": ("primitives", "negotiation"),
    "negotiation-dishonest": ("primitives", "negotiation"),
    "negotiation-observed": ("primitives", "negotiation"),
    "resumption": ("primitives", "resumption"),
    "bare": ("primitives",),
}
BARE = {"answers", "proves", "obeys", "terminal-secret", "device-secret"}
"""The claims that fall for the bare method."""

VERDICT = re.compile(r"^Query .*(true|false|cannot be proved)\.$", re.MULTILINE)
CLAIM = re.compile(r"\(\* claim ([a-z-]+): (.*) \*\)")


@dataclass(frozen=True, slots=True)
class Proof:
    """One run of the prover: a scene, what is dropped, and which claims shall fall."""

    scene: str
    what: str
    instead: dict[str, str]
    falls: set[str]

    def libraries(self) -> Iterator[tuple[str, str]]:
        """Return names and texts; each dropped line is there exactly once."""
        left = dict(self.instead)
        for name in LIBRARIES[self.scene]:
            text = (FORMAL / f"{name}.pvl").read_text()
            for line in [line for line in left if text.count(line) == 1]:
                text = text.replace(line, left.pop(line))
            yield name, text
        if left:
            raise SystemExit(f"{self.what}: not once in the model: {list(left)}")


@dataclass(frozen=True, slots=True)
class Verdicts:
    """What the prover said of each claim, in their order, and the seconds that it worked."""

    proof: Proof
    said: dict[str, str]
    seconds: float

    @property
    def expected(self) -> bool:
        """An honest run is possible, and of the other claims just those fall that shall."""
        others = {claim: word for claim, word in self.said.items() if claim != "run"}
        return (
            bool(others)
            and self.said["run"] != "true"
            and {claim for claim, word in others.items() if word == "false"} == self.proof.falls
            and all(others[claim] == "true" for claim in others.keys() - self.proof.falls)
        )


def proofs() -> Iterator[Proof]:
    """The scenes as they are, then each with what it drops."""
    for scene in LIBRARIES:
        yield Proof(scene, "nothing", {}, BARE if scene == "bare" else set())
    for dropped in tomllib.loads((FORMAL / "dropped.toml").read_text())["dropped"]:
        instead = dict(zip(dropped["line"], dropped["instead"], strict=True))
        for scene, falls in dropped["falls"].items():
            yield Proof(scene, dropped["what"], instead, set(falls))


def prove(proverif: str, proof: Proof) -> Verdicts:
    """Run the prover on one scene."""
    scene = FORMAL / f"{proof.scene}.pv"
    claims = [name for name, _ in CLAIM.findall(scene.read_text())]
    with tempfile.TemporaryDirectory() as folder:
        command = [proverif]
        for name, text in proof.libraries():
            library = Path(folder, f"{name}.pvl")
            library.write_text(text)
            command += ["-lib", str(library)]
        answer = Path(folder, "answer")
        with answer.open("w") as file:
            process = subprocess.Popen([*command, str(scene)], stdout=file, stderr=file)
            resource.prlimit(process.pid, resource.RLIMIT_CPU, (LIMIT, LIMIT))
            _, _, used = os.wait4(process.pid, 0)
        words = VERDICT.findall(answer.read_text())
    said = dict(zip(claims, words, strict=True)) if len(words) == len(claims) else {}
    return Verdicts(proof, said, used.ru_utime + used.ru_stime)


def whole(verdicts: Verdicts) -> str:
    """Return a scene's table, claim by claim."""
    scene = verdicts.proof.scene
    texts = dict(CLAIM.findall((FORMAL / f"{scene}.pv").read_text()))
    rows = "".join(
        f"| *{name}*: {texts[name]} | {word} |\n" for name, word in verdicts.said.items()
    )
    heading = f"{scene}, {verdicts.seconds:.0f} s{mark(verdicts)}"
    return f"\n{heading}\n\n| claim | verdict |\n|---|---|\n{rows}"


def without(verdicts: Verdicts) -> str:
    """Return the row of one dropped binding."""
    proof = verdicts.proof
    fell = [name for name, word in verdicts.said.items() if word != "true" and name != "run"]
    falls = ", ".join(fell) or "nothing"
    return f"| {proof.what} | {proof.scene} | {falls}{mark(verdicts)} | {verdicts.seconds:.0f} |"


def mark(verdicts: Verdicts) -> str:
    """Say where it is not as expected, and what the prover said."""
    return "" if verdicts.expected else f" **not as expected: {verdicts.said}**"


def main() -> None:
    """Print each scene's claims, then what falls when a binding is dropped."""
    proverif = sys.argv[1] if len(sys.argv) > 1 else "proverif"
    plans = list(proofs())
    surprises = 0
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for place, verdicts in enumerate(pool.map(lambda proof: prove(proverif, proof), plans)):
            surprises += not verdicts.expected
            if place == len(LIBRARIES):
                print("\n| dropped | scene | falls | s |\n|---|---|---|---|")
            print(without(verdicts) if verdicts.proof.instead else whole(verdicts), flush=True)
    raise SystemExit(f"{surprises} not as expected" if surprises else 0)


if __name__ == "__main__":
    main()
