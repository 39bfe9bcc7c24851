"""Run mutmut over the protocol with tests/protocol, and print the score.

It runs on a copy that holds the protocol and its tests alone: mutmut finds a function by the
name of its module, and here that is the one under which the tests import it.
"""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
COPY = ROOT / "build" / "mutants"
EXPLAINED = ROOT / "scripts" / "mutants.toml"
PACKAGE = "secure_pair_protocol"
CONFIGURATION = f"""\
[tool.pytest.ini_options]
addopts = ["-q", "--import-mode=importlib", "-p", "no:cacheprovider"]
pythonpath = ["."]

[tool.mutmut]
source_paths = ["{PACKAGE}"]
also_copy = ["docs", "scripts"]
pytest_add_cli_args_test_selection = ["tests/protocol"]
use_git_change_detection = false
track_dependencies = false
"""


# Mutmut runs all tests twice in one process, which Hypothesis takes for a mistake.
CONFTEST = """\
from hypothesis import HealthCheck, settings

settings.register_profile("mutants", settings(), suppress_health_check=list(HealthCheck))
settings.load_profile("mutants")
"""


@dataclass(frozen=True)
class Explanation:
    """Why mutants whose change matches need no test."""

    change: re.Pattern[str]
    """Of what was there, ` => ` and what is there instead, each without its indentation."""
    why: str


def main(modules: list[str]) -> int:
    """Mutate, print each mutant that is left, and the score; returns 1 when any is left."""
    copy()
    patterns = [f"{PACKAGE}.{module}.*" for module in modules]
    if mutmut("run", "--max-children", "1", *patterns).returncode:
        return 2
    results = mutmut("results", "--all", "true", capture=True).stdout
    states = dict(re.findall(rf"^ *({PACKAGE}\S+): (.+)$", results, re.MULTILINE))
    explanations = explained()
    unused = set(explanations)
    counts: dict[str, Counter[str]] = {}
    for mutant, state in states.items():
        if state == "not checked":
            continue
        count = counts.setdefault(re.sub(r"\.[^.]*$", "", mutant), Counter())
        if state in {"killed", "timeout"}:
            count["killed"] += 1
            continue
        change = change_of(mutant)
        found = [each for each in explanations if each.change.fullmatch(change)]
        unused -= {*found}
        count["explained" if found else "left"] += 1
        if not found:
            print(f"{state}: {mutant}\n    {change}")
    report(counts)
    if not modules:
        for explanation in unused:
            print(f"explains nothing any more: {explanation.change.pattern}")
    return 1 if any(count["left"] for count in counts.values()) else 0


def copy() -> None:
    """Put what mutmut shall see, and nothing else, into a folder of its own."""
    shutil.rmtree(COPY, ignore_errors=True)
    nothing = shutil.ignore_patterns("__pycache__")
    for source, name in (
        ("custom_components/secure_pair/protocol", PACKAGE),
        ("tests/protocol", "tests/protocol"),
        ("docs", "docs"),
    ):
        shutil.copytree(ROOT / source, COPY / name, ignore=nothing)
    (COPY / "scripts").mkdir()
    shutil.copy(ROOT / "scripts" / "vectors.py", COPY / "scripts")
    (COPY / "pyproject.toml").write_text(CONFIGURATION)
    (COPY / "tests" / "conftest.py").write_text(CONFTEST)
    for file in (COPY / PACKAGE).rglob("*.py"):
        # Mutmut leaves decorated functions alone; this decorator does nothing.
        file.write_text(re.sub(r"^ *@override\n", "", file.read_text(), flags=re.MULTILINE))


def mutmut(*arguments: str, capture: bool = False) -> subprocess.CompletedProcess[str]:
    """Run one of mutmut's commands on the copy."""
    return subprocess.run(
        [sys.executable, "-m", "mutmut", *arguments],
        cwd=COPY,
        check=False,
        text=True,
        stdout=subprocess.PIPE if capture else None,
        # Home Assistant's plugins take longer to load than most tests to run; with CI set,
        # Hypothesis draws the same examples for each mutant.
        env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "CI": "true"},
    )


def change_of(mutant: str) -> str:
    """Return what the mutant is: what was there, and what is there instead."""
    diff = mutmut("show", mutant, capture=True).stdout.splitlines()
    lines = {
        sign: " ".join(
            line[1:].strip() for line in diff if line[:1] == sign and line[:3] not in {"---", "+++"}
        )
        for sign in "-+"
    }
    return f"{lines['-']} => {lines['+']}"


def explained() -> list[Explanation]:
    """Return the explanations."""
    table = tomllib.loads(EXPLAINED.read_text())
    return [Explanation(re.compile(row["change"]), row["why"]) for row in table["explained"]]


def report(counts: dict[str, Counter[str]]) -> None:
    """Print how many mutants each module has, and what became of them."""
    total = Counter[str]()
    print(f"\n{'module':36} {'mutants':>8} {'killed':>8} {'explained':>10} {'left':>6}")
    for module, count in sorted(counts.items()):
        total += count
        row(module.removeprefix(f"{PACKAGE}."), count)
    row("all", total)
    if judged := total["killed"] + total["left"]:
        print(f"score: {100 * total['killed'] / judged:.1f} % of those that can be noticed")


def row(name: str, count: Counter[str]) -> None:
    """Print one line."""
    killed, explained, left = (count[what] for what in ("killed", "explained", "left"))
    print(f"{name:36} {count.total():>8} {killed:>8} {explained:>10} {left:>6}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
