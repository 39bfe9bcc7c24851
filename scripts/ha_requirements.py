"""Print what integrations ask pip for, one requirement a line.

Run it with the Python that has Home Assistant installed. An argument is the
domain of a built-in integration or the folder of a custom one; what those
depend on is added, and with --defaults what Home Assistant starts unasked.

Home Assistant would install the same packages at its first start, which takes
minutes where the network is shut; installed before, it starts with --skip-pip.
"""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import homeassistant
from homeassistant.auth.mfa_modules import totp
from homeassistant.bootstrap import CORE_INTEGRATIONS, DEFAULT_INTEGRATIONS

COMPONENTS = Path(homeassistant.__file__).parent / "components"


def folder_of(name: str) -> Path:
    """Return the folder of an integration, given by its domain or as a folder."""
    return Path(name) if "/" in name else COMPONENTS / name


def needs_of(folder: Path, manifest: dict[str, Any]) -> Iterator[str]:
    """Yield the domains whose code an integration may import."""
    yield from manifest.get("dependencies", ())
    # Not started for its sake, but Home Assistant installs what they require.
    yield from manifest.get("after_dependencies", ())
    if folder.parent != COMPONENTS:
        # A custom integration's lock.py is a platform of lock.
        for module in folder.glob("*.py"):
            if (COMPONENTS / module.stem / "manifest.json").exists():
                yield module.stem


def requirements_of(wanted: set[str]) -> set[str]:
    """Return the requirements of integrations and of all that they need."""
    requirements: set[str] = set()
    seen: set[str] = set()
    queue = list(wanted)
    while queue:
        if (name := queue.pop()) in seen:
            continue
        seen.add(name)
        folder = folder_of(name)
        manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
        requirements.update(manifest.get("requirements", ()))
        queue += needs_of(folder, manifest)
    return requirements


def main() -> None:
    """Print the requirements, sorted."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--defaults", action="store_true")
    parser.add_argument("integrations", nargs="*")
    arguments = parser.parse_args()
    requirements: set[str] = set()
    wanted = set(arguments.integrations)
    if arguments.defaults:
        wanted |= CORE_INTEGRATIONS | DEFAULT_INTEGRATIONS
        # Home Assistant turns this module on unasked, and it has no manifest.
        requirements.update(totp.REQUIREMENTS)
    requirements |= requirements_of(wanted)
    for requirement in sorted(requirements, key=str.lower):
        print(requirement)


if __name__ == "__main__":
    main()
