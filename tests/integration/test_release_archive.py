"""The archive of a release, unzipped into an empty folder as HACS does it: it starts, and pairs."""

import asyncio
import json
import sys
import zipfile
from asyncio.subprocess import PIPE
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from scripts import release_archive

from .conftest import VirtualLock
from .flows import Answers

PROGRAM = Path(__file__).with_name("unzipped_home.py")
STEPS = ("user", "device", "new_key_service", "label")


async def run(folder: Path, answers: Answers) -> dict[str, Any]:
    """Let a Home Assistant live in the folder for a while; return what it has seen."""
    given = {step: answers.for_step(step) for step in STEPS}
    # -P: what is beside the program is not there for it.
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-P", str(PROGRAM), str(folder),
        stdin=PIPE, stdout=PIPE, stderr=PIPE, cwd=folder, env={},
    )  # fmt: skip
    said, complaints = await process.communicate(json.dumps(given).encode())
    assert process.returncode == 0, complaints.decode()
    seen: dict[str, Any] = json.loads(said.splitlines()[-1])
    return seen


# Two starts of a whole Home Assistant: some seconds on a machine that has nothing else to do.
@pytest.mark.timeout(150)
async def test_starts_pairs_and_starts_again(
    tmp_path: Path, answers: Answers, virtual_lock: VirtualLock
) -> None:
    folder = tmp_path / "unzipped"
    installed = folder / "custom_components" / "secure_pair"
    installed.mkdir(parents=True)
    with zipfile.ZipFile(release_archive.write_archive(tmp_path)) as archive:
        archive.extractall(installed)

    works = {
        "states": ["locked", "unlocked", "locked"],
        "entry": "Front door: loaded",
        "from": str(installed / "__init__.py"),
    }
    assert await run(folder, answers) == works
    assert len(virtual_lock.device.register.held) == 1
    # The second time nothing is asked, and the key service is not needed.
    assert await run(folder, replace(answers, token="", setup_code="")) == works
