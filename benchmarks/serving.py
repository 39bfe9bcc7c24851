"""The key service as its operator runs it."""

import asyncio
import os
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


@asynccontextmanager
async def serving(
    data: Path, url: str | None, processes: int
) -> AsyncGenerator[tuple[asyncio.subprocess.Process, str]]:
    """Run it in processes of its own, without limits and without a log; `url`: PostgreSQL's."""
    environment = os.environ | ({"SECURE_PAIR_DATABASE": url} if url else {})
    running = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "cloud_stub", "serve", "--port", "0", "--processes", str(processes)),
        # Nobody is to be slowed down here; the limits are counted all the same.
        *("--limits", "100000", "--log-level", "error", "--data", str(data)),
        cwd=ROOT,
        env=environment,
        stdout=asyncio.subprocess.PIPE,
    )
    assert running.stdout is not None
    try:
        announced = (await running.stdout.readline()).decode().strip()
        yield running, announced.removeprefix("listening on ")
    finally:
        if running.returncode is None:
            running.terminate()
            await running.wait()
