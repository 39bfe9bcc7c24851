"""What the documents say of the code is what the code says."""

import re
from pathlib import Path

import pytest

from scripts import protocol_tables

ROOT = Path(__file__).parent.parent


def test_tables_of_the_protocol() -> None:
    text = (ROOT / "docs" / "protocol.md").read_text()
    for table in protocol_tables.tables().values():
        assert table in text
    assert protocol_tables.document(text) == text


# What is promised


def quoted(page: Path) -> set[str]:
    """Return what a page has between backticks."""
    return set(re.findall(r"`([^`\n]+)`", page.read_text()))


def named_files() -> list[str]:
    """Return each file and `file::name` that the page on security refers to."""
    folders = ("custom_components/", "cloud_stub/", "device_stub/", "docs/", "scripts/", "tests/")
    mentioned = {
        name.replace("protocol/", "custom_components/secure_pair/protocol/", 1)
        if name.startswith("protocol/")
        else name
        for name in quoted(ROOT / "docs" / "security.md")
    }
    return sorted(name for name in mentioned if name.startswith(folders))


def test_security_names_enough() -> None:
    """Or the next test would hold of nothing."""
    names = named_files()
    assert sum(name.startswith("tests/") for name in names) > 20
    assert sum("::" in name for name in names) > 20


@pytest.mark.parametrize("name", named_files())
def test_security_names_what_is_there(name: str) -> None:
    path, _, symbol = name.partition("::")
    assert (ROOT / path).exists()
    if symbol:
        assert re.search(
            rf"^(async def|def|class) {symbol}\b|^{symbol}\b",
            (ROOT / path).read_text(),
            re.MULTILINE,
        )


def test_every_promise_has_a_test() -> None:
    page = (ROOT / "docs" / "security.md").read_text()
    section = page.partition("## What is promised\n")[2].partition("\n## ")[0]
    rows = [row.split("|") for row in section.splitlines() if row.startswith("| ")][1:]
    assert len(rows) > 15
    for _, promise, _, where, tests, _ in rows:
        assert "::" in where, promise
        assert "`tests/" in tests, promise
