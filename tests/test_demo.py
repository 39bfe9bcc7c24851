"""What the demo shows and keeps; that it works as a whole, only a run of it can show."""

import io
import json
import socket
import stat
from pathlib import Path

import pytest

from scripts.demo_app.narrator import Narrator
from scripts.demo_app.process import DemoError
from scripts.demo_app.screen import Screen
from scripts.demo_app.state import Folder, World, free_port

SECRETS = ("1234-5678-9ABC-DEFG", "spt_token", "hunter2")
NUMBER_WIDTH = 2


def world() -> World:
    return World("aabbccddeeff", "lock.json", SECRETS[0], SECRETS[1], password=SECRETS[2])


def device(step: int | str, ms: float, **more: str) -> dict[str, object]:
    return {"step": step, "name": "", "ms": ms, "connection": 2, **more}


@pytest.fixture
def told() -> list[str]:
    return []


@pytest.fixture
def narrator(told: list[str]) -> Narrator:
    return Narrator(told.append)


def numbers(told: list[str]) -> list[str]:
    return [line[:NUMBER_WIDTH].strip() for line in told]


def test_steps_are_told_in_the_methods_order_whatever_order_they_come_in(
    narrator: Narrator, told: list[str]
) -> None:
    narrator.expect()
    narrator.terminal("connecting", "aabbccddeeff")
    narrator.cloud({"name": "claim", "ms": 1.0}, 10.020)
    narrator.cloud({"step": 4, "name": "first encrypted data", "ms": 2.0}, 10.025)
    narrator.device(device(5, 41.0), 10.041)
    narrator.terminal("agreeing", "aabbccddeeff")
    narrator.device(device(1, 0.0), 10.042)
    narrator.device(device(2, 0.1), 10.042)
    narrator.device(device(6, 41.1), 10.042)
    narrator.device(device(7, 50.0), 10.050)
    assert numbers(told) == ["-", "1", "2", "-", "3", "4", "-", "5", "6", "7", ""]
    assert "aabbccddeeff" in told[0]
    assert "session key agreed" in told[-1]
    assert narrator.negotiations == 1


def test_times_are_the_devices_own_since_step_1(narrator: Narrator, told: list[str]) -> None:
    narrator.device(device(1, 3.0), 10.003)
    # This line was read late; the step was not.
    narrator.device(device(2, 4.0), 10.500)
    assert told[0].endswith(" 0.0 ms")
    assert told[1].endswith(" 1.0 ms")


def test_a_stage_of_the_dialog_that_is_over_is_not_told(
    narrator: Narrator, told: list[str]
) -> None:
    narrator.device(device(1, 0.0), 1.0)
    narrator.device(device(2, 0.0), 1.0)
    narrator.terminal("requesting", "aabbccddeeff")
    assert numbers(told) == ["1", "2"]


def test_a_second_attempt_begins_anew(narrator: Narrator, told: list[str]) -> None:
    narrator.device(device(1, 0.0), 1.0)
    narrator.device(device(2, 0.0), 1.0)
    narrator.cloud({"step": 4, "refused": "not_yours", "ms": 1.0}, 1.1)
    narrator.device(device(1, 0.0), 2.0)
    assert numbers(told) == ["1", "2", "4", "1"]
    assert "not_yours" in told[2]
    assert narrator.negotiations == 0


def test_resumptions_are_counted_apart(narrator: Narrator, told: list[str]) -> None:
    for step in ("r1", "r2", "r3"):
        narrator.device(device(step, 0.5), 1.0)
    assert numbers(told) == ["r1", "r2", "r3"]
    assert (narrator.negotiations, narrator.resumptions) == (0, 1)


def test_the_file_is_its_owners_only_and_comes_back(tmp_path: Path) -> None:
    folder = Folder(tmp_path / "demo")
    assert folder.read() is None
    folder.write(world())
    assert stat.S_IMODE(folder.path.stat().st_mode) == 0o700
    assert stat.S_IMODE(folder.file.stat().st_mode) == 0o600
    assert folder.read() == world()


def test_what_is_secret_is_in_no_repr() -> None:
    assert not any(secret in repr(world()) for secret in SECRETS)


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    folder.file.write_text(json.dumps({"device_id": "x"}))
    with pytest.raises(DemoError, match="--fresh"):
        folder.read()


def test_one_demo_a_folder(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    with folder.held(), pytest.raises(DemoError, match="another demo"), folder.held():
        pass
    with folder.held():
        folder.clear()


def test_clear_follows_no_link(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.mkdir()
    folder = Folder(tmp_path / "demo")
    (folder.path / "link").symlink_to(kept)
    folder.clear()
    assert kept.exists()
    assert not (folder.path / "link").exists()


def test_a_taken_port_is_replaced_by_a_free_one(socket_enabled: None) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert free_port(port) not in {0, port}
    assert free_port(port) == port


async def test_something_short_is_not_worth_a_line() -> None:
    out = io.StringIO()
    screen = Screen(out)
    async with screen.waiting("it takes a while"):
        pass
    screen.line("done")
    assert out.getvalue().endswith("s]   done\n")
    assert "while" not in out.getvalue()
