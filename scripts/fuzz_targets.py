"""Fuzz the readers of `tests/adversary/machines/decoders.py` with Atheris (libFuzzer).

Each target runs in a process of its own: libFuzzer ends the process that it ran in.
"""

import os
import re
import subprocess
import sys
import tempfile
from base64 import b64decode, b64encode
from collections.abc import Callable
from pathlib import Path
from types import FunctionType

ROOT = Path(__file__).resolve().parent.parent
CORPUS = ROOT / "tests" / "adversary" / "corpus"
MAX_INPUT = 2048
"""Bytes of one input: what is found in longer ones is in shorter ones too."""

KEPT = 8 * 1024
"""Bytes of a target's corpus: the shortest inputs, so that it stays small."""

SECONDS = 30
_REASONS = 251


def main(arguments: list[str]) -> int:
    """Fuzz targets one after the other; returns 1 when one of them broke its promise."""
    seconds = int(arguments.pop(0)) if arguments and arguments[0].isdigit() else SECONDS
    failed = []
    for target in arguments or _names():
        executions, held = _fuzz(target, seconds)
        verdict = "held" if held else "DID NOT HOLD"
        print(f"{target:22} {executions:>10,} runs  {len(corpus(target)):>4} kept  {verdict}")
        if not held:
            failed.append(target)
    return 1 if failed else 0


def _names() -> list[str]:
    listing = subprocess.run(
        [sys.executable, "-m", __spec__.name, "--list"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    return listing.stdout.split()


def _fuzz(target: str, seconds: int) -> tuple[int, bool]:
    """Return how many inputs were run, and whether the promise held on all of them."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        kept, found, minimal, broken = (folder / part for part in ("kept", "found", "min", "bad"))
        for each in (kept, found, minimal, broken):
            each.mkdir()
        for number, data in enumerate(corpus(target)):
            (kept / str(number)).write_bytes(data)
        run = [sys.executable, "-m", __spec__.name, "--target", target, f"-max_len={MAX_INPUT}"]
        fuzzing = _quiet(
            [
                *run,
                f"-artifact_prefix={broken}/",
                f"-max_total_time={seconds}",
                "-print_final_stats=1",
                found,
                kept,
            ]
        )
        # Only what reaches something that nothing else reaches.
        merging = _quiet([*run, "-merge=1", minimal, kept, found])
        inputs = [file.read_bytes() for file in (kept if merging.returncode else minimal).iterdir()]
        _keep(target, inputs, [file.read_bytes() for file in broken.iterdir()])
    executed = re.search(r"number_of_executed_units: (\d+)", fuzzing.stderr)
    if fuzzing.returncode:
        print(fuzzing.stderr, file=sys.stderr)
    return int(executed[1]) if executed else 0, fuzzing.returncode == 0


def corpus(target: str) -> list[bytes]:
    """Return what is kept of a target."""
    file = CORPUS / f"{target}.txt"
    return [b64decode(line) for line in file.read_text().splitlines()] if file.exists() else []


def _keep(target: str, inputs: list[bytes], broken: list[bytes]) -> None:
    """Write the shortest inputs, and all that broke a promise: a line each, in base64."""
    lines, size = set(broken), 0
    for data in sorted(inputs, key=lambda data: (len(data), data)):
        if (size := size + len(data)) > KEPT:
            break
        lines.add(data)
    CORPUS.mkdir(exist_ok=True)
    text = [b64encode(data).decode() for data in sorted(lines, key=lambda data: (len(data), data))]
    (CORPUS / f"{target}.txt").write_text("".join(f"{line}\n" for line in text))


def _quiet(command: list[str | Path]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)


def _run(target_name: str, arguments: list[str]) -> None:
    """Be the process that libFuzzer runs in."""
    import atheris  # noqa: PLC0415 - only here: it takes over the process

    with atheris.instrument_imports(
        include=["custom_components", "secure_pair_protocol", "device_stub"]
    ):
        from tests.adversary.machines.contract import attempt  # noqa: PLC0415
        from tests.adversary.machines.decoders import TARGETS  # noqa: PLC0415

    target, reached = TARGETS[target_name], atheris.instrument_func(_reasons())

    def try_one(data: bytes) -> None:
        read = attempt(target, data)
        # msgspec is not instrumented: what it says of an input stands for where it came to.
        reached(hash(re.sub(r"[0-9]+", "0", read.why)) % _REASONS)

    with tempfile.TemporaryDirectory() as seeds:
        for number, seed in enumerate(target.seeds):
            (Path(seeds) / str(number)).write_bytes(seed[:MAX_INPUT])
        # To merge, libFuzzer has a shell run its own command again and again.
        again = f"{sys.executable} -m {__spec__.name} --target {target_name}"
        atheris.Setup([again, *arguments, seeds], try_one)
        atheris.Fuzz()


def _reasons() -> Callable[[int], int]:
    """Return a function with a branch of its own for each reason to refuse an input."""
    lines = [f"    if reason == {number}: return {number}" for number in range(_REASONS)]
    code = compile("\n".join(["def reached(reason):", *lines]), "<reasons>", "exec")
    return FunctionType(code.co_consts[0], {})


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["--list"]:
            from tests.adversary.machines.decoders import TARGETS

            print(*TARGETS)
        case ["--target", name, *rest]:
            # Texts hash alike in every run, so that a corpus means the same in each.
            if os.environ.get("PYTHONHASHSEED") != "0":
                os.execve(  # noqa: S606
                    sys.executable,
                    [sys.executable, "-m", __spec__.name, *sys.argv[1:]],
                    {**os.environ, "PYTHONHASHSEED": "0"},
                )
            _run(name, rest)
        case rest:
            sys.exit(main(rest))
