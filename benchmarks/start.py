"""What the integration costs Home Assistant's start: its import, and its set-up."""

import asyncio
import sys
from time import perf_counter

from homeassistant.setup import async_setup_component

from custom_components.secure_pair.const import DOMAIN

from .esphome import ESPHOME
from .house import home_assistant
from .measuring import Effort, Row, Sample, in_turns
from .serving import ROOT

IMPORT = """
import sys, time
import homeassistant.bootstrap, homeassistant.components.http, homeassistant.components.zeroconf
start = time.perf_counter()
__import__(sys.argv[1])
print((time.perf_counter() - start) * 1e3)
"""


async def measure(effort: Effort) -> list[Row]:
    """Import it in processes of their own, and set it up in one Home Assistant after another."""
    return [
        await in_turns(
            "import of the integration",
            _import("custom_components.secure_pair"),
            {"ESPHome": _import("homeassistant.components.esphome")},
            counts="import of the integration's package, as on each start, after Home Assistant's"
            " bootstrap, its http and zeroconf; bytecode is there",
            unit="ms",
            aim=1,
            effort=effort,
            rounds=10,
        ),
        await in_turns(
            "set-up of the integration, without entries",
            _set_up(DOMAIN),
            {"ESPHome": _set_up(ESPHOME)},
            counts="what Home Assistant does once for the integration itself, with all of its"
            " modules imported: manifest and translations loaded, actions registered",
            unit="ms",
            aim=1,
            effort=effort,
            rounds=20,
        ),
    ]


def _import(module: str) -> Sample:
    async def sample() -> float:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", IMPORT, module), cwd=ROOT, stdout=asyncio.subprocess.PIPE
        )
        out, _ = await process.communicate()
        return float(out)

    return sample


def _set_up(domain: str) -> Sample:
    async def sample() -> float:
        async with home_assistant() as hass:
            start = perf_counter()
            assert await async_setup_component(hass, domain, {})
            return (perf_counter() - start) * 1e3

    return sample
