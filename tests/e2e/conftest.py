"""One house, one desk and one story: each test goes on where the one before has ended."""

import shutil
from collections.abc import AsyncGenerator

import pytest
import pytest_asyncio
from _pytest.terminal import TerminalReporter

from scripts.demo_app import ROOT

from .desk import Desk, at_the_desk
from .house import House, open_house
from .pictures import publish

FOLDER = ROOT / ".e2e"
PICTURES = FOLDER / "pictures"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--screenshots", action="store_true", help="renew the pictures in docs/images")


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def house() -> AsyncGenerator[House]:
    """Whatever runs in it ends with it."""
    async with open_house(FOLDER / "house") as house:
        yield house


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def desk(house: House) -> AsyncGenerator[Desk]:
    shutil.rmtree(PICTURES, ignore_errors=True)
    PICTURES.mkdir()
    async with at_the_desk(house.api.url, PICTURES) as desk:
        yield desk


@pytest_asyncio.fixture(autouse=True, loop_scope="session")
async def step(request: pytest.FixtureRequest, house: House, desk: Desk) -> AsyncGenerator[None]:
    """However it ends, it leaves a picture; its number is that of the step."""
    house.check_alive()
    yield
    number = request.session.items.index(request.node) + 1
    await desk.picture(f"{number:02}-{request.node.name.removeprefix('test_').replace('_', '-')}")


def pytest_terminal_summary(terminalreporter: TerminalReporter) -> None:
    terminalreporter.write_line(f"a picture of each step is in {PICTURES.relative_to(ROOT)}")


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    if session.config.getoption("--screenshots") and exitstatus == pytest.ExitCode.OK:
        publish(PICTURES, ROOT / "docs" / "images")
