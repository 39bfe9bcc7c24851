"""`python -m scripts.demo_app`: the demo, as scripts/demo starts it."""

import argparse
import asyncio
import shutil
import signal
import sys
import tempfile
from io import TextIOWrapper
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

from . import ROOT
from .process import DemoError
from .screen import Screen
from .state import Folder
from .story import Story

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
STATE = ROOT / ".demo"


def main() -> int:
    """Play it; returns the exit status."""
    options = parse()
    if isinstance(sys.stdout, TextIOWrapper):
        # The dialog's words have characters that not every terminal knows.
        sys.stdout.reconfigure(errors="replace")
    screen = Screen()
    if not options.once:
        return play(Folder(STATE), screen, options)
    for number in SIGNALS:
        # Until there is an event loop that hears them.
        signal.signal(number, leave)
    path = Path(tempfile.mkdtemp(prefix="secure-pair-demo-"))
    failed = False
    try:
        status = play(Folder(path), screen, options)
        failed = status == 1
    finally:
        if failed:
            screen.line(f"what there is to look at is in {path}")
        else:
            shutil.rmtree(path)
    return status


def leave(number: int, frame: FrameType | None) -> NoReturn:
    """End, as after a signal."""
    sys.exit(128 + number)


def parse() -> argparse.Namespace:
    """Return the options."""
    parser = argparse.ArgumentParser(
        prog="scripts/demo",
        description="Pair a virtual door lock with a real Home Assistant, before your eyes.",
    )
    kind = parser.add_mutually_exclusive_group()
    kind.add_argument(
        "--once",
        action="store_true",
        help="run through by itself, with a restart and the removal, in a folder of its own",
    )
    kind.add_argument(
        "--fresh", action="store_true", help="throw away what earlier runs have left in .demo"
    )
    parser.add_argument(
        "--ui-port",
        type=int,
        default=8123,
        metavar="PORT",
        help="where Home Assistant shall listen: 8123, or a free port if that is taken",
    )
    return parser.parse_args()


def play(folder: Folder, screen: Screen, options: argparse.Namespace) -> int:
    """Play it with this folder; returns the exit status."""
    try:
        with folder.held():
            if options.fresh or not folder.file.exists():
                folder.clear()
            return asyncio.run(perform(folder, screen, options))
    except DemoError as error:
        for line in error.tail():
            print(f"  | {line}", flush=True)
        screen.head(f"FAILED: {error}")
        return 1


async def perform(folder: Folder, screen: Screen, options: argparse.Namespace) -> int:
    """Play it until it ends, a process dies, or a signal comes."""
    loop = asyncio.get_running_loop()
    told: asyncio.Future[int] = loop.create_future()

    def stop(number: int) -> None:
        if not told.done():
            told.set_result(number)

    for number in SIGNALS:
        loop.add_signal_handler(number, stop, number)
    story = Story(folder, screen, options.ui_port)
    death = story.cast.death
    playing = asyncio.create_task(story.play_once() if options.once else story.play())
    ends: set[asyncio.Future[Any]] = {playing, told, death}
    try:
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        if playing.done() and playing.exception():
            # Perhaps only because a process has ended, which says more.
            await asyncio.wait({death}, timeout=0.5)
        if death.done():
            death.result()
        if playing.done():
            playing.result()
            screen.line("it all went well")
            return 0
        screen.head(f"{signal.Signals(told.result()).name}: stopping")
    finally:
        playing.cancel()
        await asyncio.gather(playing, return_exceptions=True)
        await story.cast.stop_all()
        if not death.cancel():
            # Too late to matter; only that nobody is told that it was not looked at.
            death.exception()
    screen.line("all processes have ended")
    return 0 if story.is_up else 128 + told.result()


if __name__ == "__main__":
    sys.exit(main())
