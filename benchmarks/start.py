"""What the integration costs Home Assistant's start: its import."""

import asyncio
import sys

from .measuring import Effort, Row, Sample, in_turns
from .serving import ROOT

CODE = """
import sys, time
import homeassistant.bootstrap, homeassistant.components.http, homeassistant.components.zeroconf
start = time.perf_counter()
__import__(sys.argv[1])
print((time.perf_counter() - start) * 1e3)
"""


async def measure(effort: Effort) -> list[Row]:
    """Import it in processes of their own."""
    return [
        await in_turns(
            "import of the integration",
            _sample("custom_components.secure_pair"),
            {"ESPHome": _sample("homeassistant.components.esphome")},
            counts="import of the integration's package, as on each start, after Home Assistant's"
            " bootstrap, its http and zeroconf; bytecode is there",
            unit="ms",
            aim=1,
            effort=effort,
            rounds=10,
        )
    ]


def _sample(module: str) -> Sample:
    async def sample() -> float:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", CODE, module, cwd=ROOT, stdout=asyncio.subprocess.PIPE
        )
        out, _ = await process.communicate()
        return float(out)

    return sample
