"""Every page of the repository: its links lead somewhere, its commands are there."""

import ast
import re
import shlex
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from homeassistant.const import Platform
from typer.testing import CliRunner

from cloud_stub.cli import app as cloud_stub
from device_stub.__main__ import app as device_stub

ROOT = Path(__file__).parent.parent
PAGES = sorted(
    path
    for path in [*ROOT.glob("*.md"), *ROOT.glob("[!.]*/**/*.md"), *ROOT.glob(".github/**/*.md")]
    # What a script has made is no page.
    if path.relative_to(ROOT).parts[0] not in {"build", "dist"}
    if "node_modules" not in path.parts
)
FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)

each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


# Links


@cache
def anchors(page: Path) -> set[str]:
    """Return where GitHub lets a link into a page lead: one for each heading."""
    found: set[str] = set()
    for heading in re.findall(r"^#+ (.+)$", FENCE.sub("", page.read_text()), re.MULTILINE):
        words = re.sub(r"[^\w\- ]", "", heading.lower())
        found.add(words.replace(" ", "-"))
    return found


def links(page: Path) -> list[str]:
    return re.findall(r"\]\(([^)\s]+)\)", FENCE.sub("", page.read_text()))


def test_links_are_found() -> None:
    """Or the next test would hold of nothing."""
    assert "docs/user.md" in links(ROOT / "README.md")
    assert "moving-to-another-key-service" in anchors(ROOT / "docs" / "user.md")
    assert {"renewals", "what-is-there"}.isdisjoint(anchors(ROOT / "docs" / "user.md"))


@each_page
def test_links_lead_somewhere(page: Path) -> None:
    for link in links(page):
        if re.match(r"https://|mailto:", link):
            continue
        path, _, anchor = link.partition("#")
        target = page.parent / path if path else page
        assert target.exists(), link
        if anchor:
            assert anchor in anchors(target), link


def test_every_page_is_within_reach() -> None:
    """From the README, by links alone."""
    waiting, seen = [ROOT / "README.md"], set[Path]()
    while waiting:
        page = waiting.pop()
        seen.add(page)
        for link in links(page):
            target = (page.parent / link.partition("#")[0]).resolve()
            if target.suffix == ".md" and target.exists() and target not in seen:
                waiting.append(target)
    assert {page for page in PAGES if page.parent in {ROOT, ROOT / "docs"}} <= seen


# Commands


PROGRAMS = {"cloud_stub": cloud_stub, "device_stub": device_stub}


def commands(page: Path) -> Iterator[list[str]]:
    """Yield each line of a block that is for a shell, in words."""
    text = page.read_text()
    for language, block in re.findall(r"^```(\w*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
        if not language:
            for line in block.splitlines():
                yield shlex.split(line, comments=True)
    # A block by its indent, and a word in a sentence.
    for line in re.findall(r"^    (\./.+)$", text, re.MULTILINE):
        yield shlex.split(line, comments=True)
    for quoted in re.findall(r"`((?:\./|\.venv/|python -m )[^`\n]+)`", FENCE.sub("", text)):
        yield shlex.split(quoted)


ALL = [(page, words) for page in PAGES for words in commands(page) if words]


def test_commands_are_found() -> None:
    found = {" ".join(words) for _, words in ALL}
    assert {"./scripts/demo", "./scripts/test", "python -m cloud_stub serve"} <= found


@pytest.mark.parametrize(
    ("page", "words"), ALL, ids=[f"{page.name}: {' '.join(words)}" for page, words in ALL]
)
def test_command_is_there(page: Path, words: list[str]) -> None:
    match words:
        case [python, "-m", program, *arguments] if python.endswith("python"):
            if program in PROGRAMS:
                understood(program, arguments)
            else:
                assert program == "pytest"
                files_exist(arguments)
        case ["pip", "install", wanted]:
            assert {*wanted.removeprefix(".[").removesuffix("]").split(",")} <= extras()
        case ["export", variable]:
            name = variable.partition("=")[0]
            sources = (ROOT / "cloud_stub").rglob("*.py")
            assert any(f'"{name}"' in source.read_text() for source in sources)
        case [program, *arguments]:
            files_exist([program] if "/" in program and not program.startswith(".venv") else [])
            files_exist(arguments)
            if program.startswith("./"):
                assert (ROOT / program).stat().st_mode & 0o100
            for option in arguments:
                if option.startswith("--") and program == "./scripts/demo":
                    assert f'"{option}"' in demo_source()


def files_exist(words: list[str]) -> None:
    for word in words:
        if word.startswith(("./", "tests/", "scripts/", "benchmarks/")):
            assert (ROOT / word).exists(), word


def extras() -> set[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return set(project["optional-dependencies"])


def demo_source() -> str:
    return "".join(path.read_text() for path in (ROOT / "scripts" / "demo_app").glob("*.py"))


def understood(program: str, arguments: list[str]) -> None:
    """Have the program's own parser take a command, which is not run for the sake of its help."""
    words = [word for word in arguments if word != "…"]
    result = CliRunner().invoke(PROGRAMS[program], [*words, "--help"])
    assert result.exit_code == 0, result.output


def test_by_hand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the developers' page does one after the other, up to what runs until it is stopped."""
    monkeypatch.chdir(tmp_path)
    (block,) = re.findall(
        r"^```\n(.*?)^```$", (ROOT / "docs" / "developer.md").read_text(), re.MULTILINE | re.DOTALL
    )
    done = []
    for line in block.splitlines():
        match shlex.split(line):
            case [_, "-m", program, *arguments] if arguments[0] not in {"serve", "lock"}:
                result = CliRunner().invoke(PROGRAMS[program], arguments)
                assert result.exit_code == 0, (line, result.output)
                done.append(arguments[0])
            case [_, "-m", _, _, "--device", file]:
                assert (tmp_path / file).is_file()
    assert done == ["provision", "account", "terminal", "device"]


# The house


def table(page: str, heading: str) -> list[str]:
    """Return the rows of the table that begins with this line."""
    _, _, rest = (ROOT / "docs" / page).read_text().partition(f"{heading}\n")
    return rest.partition("\n\n")[0].splitlines()[1:]


def test_folders_of_the_house() -> None:
    rows = table("developer.md", "| folder | what it is | knows |")
    folders = [found[1] for row in rows if (found := re.match(r"\| `([\w/]+)/`", row))]
    assert len(folders) == len(rows)
    for folder in folders:
        assert (ROOT / folder).is_dir(), folder
    sources = {path.relative_to(ROOT).parts[0] for path in ROOT.glob("[!.]*/**/*.py")} - {"build"}
    assert sources - {"build", "dist"} <= {folder.partition("/")[0] for folder in folders}


def test_layers_of_the_integration() -> None:
    """Every module has its layer, and imports nothing of a layer above."""
    rows = table("developer.md", "| layer | modules |")
    rank = {
        module: place for place, row in enumerate(rows) for module in re.findall(r"`(\w+)`", row)
    }
    rank |= dict.fromkeys(set(Platform), 0)
    integration = ROOT / "custom_components" / "secure_pair"
    modules = {path.stem: ast.parse(path.read_text()) for path in integration.glob("*.py")}
    assert set(modules) == set(rank) & set(modules)
    assert set(rank) - set(Platform) <= set(modules)
    for module, tree in modules.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and node.level == 1:
                names = [node.module] if node.module else [alias.name for alias in node.names]
                for name in names:
                    if name in modules:
                        assert rank[name] >= rank[module], f"{module} imports {name}"
