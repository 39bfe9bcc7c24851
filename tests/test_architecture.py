"""What may know what: the imports of the whole product, held by its syntax trees."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest
from homeassistant.const import Platform

ROOT = Path(__file__).parent.parent
INTEGRATION = ROOT / "custom_components" / "secure_pair"
PROTOCOL = "secure_pair_protocol"

SPINE = ("connection", "link", "commander", "coordinator", "entity")
"""The integration's backbone between protocol and platforms, the lowest first."""

ENTRANCES = {"__init__", "config_flow", "diagnostics", "repairs", "system_health", *Platform}
"""Modules that Home Assistant finds by their names, each platform among them."""

PRODUCT = sorted(
    path
    for folder in (INTEGRATION, ROOT / "cloud_stub", ROOT / "device_stub")
    for path in folder.rglob("*.py")
)
MAX_LINES = 400


def name_of(path: Path) -> str:
    """Return the dotted name of a file in the repository."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def is_module(name: str) -> bool:
    path = ROOT.joinpath(*name.split("."))
    return path.with_suffix(".py").is_file() or (path / "__init__.py").is_file()


def imports(path: Path) -> Iterator[str]:
    """Yield the dotted name of each module that a file imports, wherever in it."""
    package = name_of(path) if path.name == "__init__.py" else name_of(path.parent / "__init__.py")
    for node in ast.walk(ast.parse(path.read_text())):
        match node:
            case ast.Import(names=names):
                yield from (alias.name for alias in names)
            case ast.ImportFrom(module=module, names=names, level=level):
                base = package.split(".")[: len(package.split(".")) - level + 1] if level else []
                origin = ".".join([*base, *([module] if module else [])])
                for alias in names:
                    inner = f"{origin}.{alias.name}"
                    yield inner if is_module(inner) else origin


def top(name: str) -> str:
    return name.partition(".")[0]


def in_folder(folder: Path) -> list[Path]:
    return [path for path in PRODUCT if path.is_relative_to(folder)]


def test_imports_are_found_in_every_form() -> None:
    """Or all below would hold of nothing."""
    source = INTEGRATION / "protocol" / "keys.py"
    assert "custom_components.secure_pair.protocol.crypto" in set(imports(source))
    source = INTEGRATION / "connection.py"
    found = set(imports(source))
    assert {"asyncio", "typing", "custom_components.secure_pair.protocol.messages"} <= found
    assert all(paths for paths in map(in_folder, (INTEGRATION, ROOT / "cloud_stub")))


# The protocol

PURE = {*sys.stdlib_module_names, "cryptography", "msgspec"} - {
    "asyncio",
    "concurrent",
    "multiprocessing",
    "os",
    "random",
    "secrets",
    "select",
    "selectors",
    "socket",
    "ssl",
    "subprocess",
    "threading",
    "time",
}
"""No sockets, no event loop, no clock, no randomness: these are arguments."""


def test_protocol_knows_nobody() -> None:
    for path in in_folder(INTEGRATION / "protocol"):
        foreign = {name for name in imports(path) if top(name) not in PURE}
        assert all(name.startswith(name_of(INTEGRATION / "protocol")) for name in foreign), path


# The integration


def module_of(name: str) -> str | None:
    """Return which of the integration's modules a name is; the protocol is none of them."""
    inner = name.removeprefix(f"{name_of(INTEGRATION)}.")
    if name == name_of(INTEGRATION):
        return "__init__"
    return None if inner == name or top(inner) == "protocol" else top(inner)


def integration() -> dict[str, set[str]]:
    """Return which of the integration's modules each of them imports."""
    graph: dict[str, set[str]] = {}
    for path in in_folder(INTEGRATION):
        if "protocol" not in path.parts:
            own = path.relative_to(INTEGRATION).parts[0].removesuffix(".py")
            found = {module_of(name) for name in imports(path)} - {None, own}
            graph.setdefault(own, set()).update(name for name in found if name)
    return graph


def below(module: str, graph: dict[str, set[str]]) -> set[str]:
    """Return all that a module imports, directly or not."""
    found: set[str] = set()
    waiting = [module]
    while waiting:
        further = graph[waiting.pop()] - found
        found |= further
        waiting += further
    return found


def test_imports_of_the_integration_make_no_ring() -> None:
    try:
        TopologicalSorter(integration()).prepare()
    except CycleError as error:
        pytest.fail(" imports ".join(reversed(error.args[1])))


def test_imports_of_the_integration_point_one_way() -> None:
    """Platforms to entity to coordinator and so on, whatever modules are in between."""
    graph = integration()
    for place, module in enumerate(SPINE):
        above = {*SPINE[place:], *ENTRANCES}
        assert not below(module, graph) & above, module


def test_nobody_imports_what_home_assistant_finds_by_its_name() -> None:
    for module, found in integration().items():
        assert not found & ENTRANCES, module


def test_a_platform_stands_on_the_whole_spine() -> None:
    graph = integration()
    platforms = graph.keys() & set(Platform)
    assert "lock" in platforms
    for platform in platforms:
        assert below(platform, graph) >= {*SPINE}


def test_integration_knows_neither_of_the_other_roles() -> None:
    """Nor does it take the protocol under its other name: HACS copies one folder alone."""
    others = {PROTOCOL, "cloud_stub", "device_stub", "tests"}
    for path in in_folder(INTEGRATION):
        assert not {top(name) for name in imports(path)} & others, path


# The key service and the virtual devices


@pytest.mark.parametrize("stub", ["cloud_stub", "device_stub"])
def test_stub_shares_the_protocol_and_nothing_else(stub: str) -> None:
    others = {"cloud_stub", "device_stub", "homeassistant", "custom_components", "tests"} - {stub}
    found = set()
    for path in in_folder(ROOT / stub):
        tops = {top(name) for name in imports(path)}
        assert not tops & others, path
        found |= tops
    assert PROTOCOL in found


WITHOUT_HOME_ASSISTANT = """
import importlib, pkgutil, sys

class Unimportable:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"homeassistant", "custom_components"}:
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Unimportable())
try:
    import homeassistant
except ModuleNotFoundError:
    pass
else:
    raise SystemExit("homeassistant is still importable")

package = importlib.import_module(sys.argv[1])
for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
    # Importing __main__ is running the program.
    if not module.name.endswith(".__main__"):
        importlib.import_module(module.name)
        print(module.name)
"""


@pytest.mark.parametrize("stub", ["cloud_stub", "device_stub"])
def test_stub_does_without_home_assistant(stub: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_HOME_ASSISTANT, stub],
        cwd=ROOT,
        check=False,
        capture_output=True,
        text=True,
        timeout=50,
    )
    assert done.returncode == 0, done.stderr
    expected = {name_of(path) for path in (ROOT / stub).glob("*.py")}
    assert {*done.stdout.split()} >= expected - {stub, f"{stub}.__main__"}


# Files


def test_a_file_holds_one_idea() -> None:
    lines = {name_of(path): len(path.read_text().splitlines()) for path in PRODUCT}
    assert not {name: count for name, count in lines.items() if count > MAX_LINES}


def test_no_name_says_nothing() -> None:
    for path in PRODUCT:
        names = {*path.relative_to(ROOT).with_suffix("").parts}
        assert not names & {"utils", "helpers", "common", "manager"}, path
