"""Print what the pytest plugin needs beside a newer Home Assistant than it pins.

Arguments: Home Assistant's constraints file. What that one names, it decides.
"""

import re
import sys
from importlib.metadata import requires
from pathlib import Path

PLUGIN = "pytest-homeassistant-custom-component"


def canonical(requirement: str) -> str:
    """Return the name alone, as package indexes compare it."""
    name = re.match(r"[A-Za-z0-9._-]+", requirement)
    return re.sub(r"[-_.]+", "-", name[0]).lower() if name else ""


def main(constraints: Path) -> None:
    """Print one requirement a line."""
    decided = {canonical(line) for line in constraints.read_text().splitlines()}
    decided |= {"sqlalchemy", "pydantic", "numpy", "requests"}
    for requirement in requires(PLUGIN) or ():
        name = canonical(requirement)
        if name != "homeassistant":
            print(name if name in decided else requirement)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
