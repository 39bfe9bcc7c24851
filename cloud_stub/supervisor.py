"""Several processes behind one address: each accepts from the same listening socket.

They share nothing else but the database; one that dies is started anew.
"""

import asyncio
import contextlib
import os
import shutil
import socket
import sys
import tempfile

from prometheus_client.multiprocess import mark_process_dead

from .metrics import SHARED

_AGAIN_SECONDS = 1
"""How long after a process died another takes its place."""


async def supervise(
    listener: socket.socket, arguments: list[str], processes: int, stop: asyncio.Event
) -> None:
    """Keep so many processes at work until told to stop, then let them finish.

    Each is this program with `arguments`, and finds the number of the listening socket's
    descriptor behind them. Its standard input ends when this process is gone, and that is
    a process's sign to stop.
    """
    counting = tempfile.mkdtemp(prefix="secure-pair-metrics-")
    try:
        environment = os.environ | {SHARED: counting}
        keeping = [
            asyncio.create_task(_keep(listener, arguments, environment, stop))
            for _ in range(processes)
        ]
        await asyncio.gather(*keeping)
    finally:
        shutil.rmtree(counting, ignore_errors=True)


async def _keep(
    listener: socket.socket, arguments: list[str], environment: dict[str, str], stop: asyncio.Event
) -> None:
    while not stop.is_set():
        running = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "cloud_stub",
            *arguments,
            str(listener.fileno()),
            pass_fds=[listener.fileno()],
            stdin=asyncio.subprocess.PIPE,
            env=environment,
        )
        dying = asyncio.create_task(running.wait())
        stopping = asyncio.create_task(stop.wait())
        await asyncio.wait([dying, stopping], return_when=asyncio.FIRST_COMPLETED)
        if stop.is_set() and running.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                running.terminate()
        await dying
        stopping.cancel()
        mark_process_dead(running.pid, environment[SHARED])  # type: ignore[no-untyped-call]
        if not stop.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), _AGAIN_SECONDS)


async def parent_gone(stop: asyncio.Event) -> None:
    """Tell a process to stop when its standard input ends."""
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    transport, _ = await loop.connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), sys.stdin
    )
    try:
        await reader.read()
        stop.set()
    finally:
        transport.close()
