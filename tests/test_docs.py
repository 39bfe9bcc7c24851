"""What the documents say of the code is what the code says."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import APIRouter
from fastapi.routing import APIRoute

from cloud_stub import account_api, terminal_api
from scripts import protocol_tables

ROOT = Path(__file__).parent.parent


def test_tables_of_the_protocol() -> None:
    text = (ROOT / "docs" / "protocol.md").read_text()
    for table in protocol_tables.tables().values():
        assert table in text
    assert protocol_tables.document(text) == text


def test_requests_of_the_key_service() -> None:
    """Each with its query, its body and its answer, in their order."""
    section = (
        (ROOT / "docs" / "protocol.md").read_text().partition("| request | body | answer |")[2]
    )
    rows = [row.strip("|").split("|") for row in section.partition("\n\n")[0].splitlines()[2:]]
    said = [
        (request.rpartition(": ")[2].strip(), body.strip(), answer.strip())
        for request, body, answer in rows
    ]
    assert said == [asked for api in (terminal_api, account_api) for asked in requests(api.router)]


def requests(router: APIRouter) -> Iterator[tuple[str, str, str]]:
    for route in router.routes:
        assert isinstance(route, APIRoute)
        query = "&".join(parameter.name for parameter in route.dependant.query_params)
        bodies = [parameter.field_info.annotation for parameter in route.dependant.body_params]
        fields = [", ".join(model.model_fields) for model in (*bodies, route.response_model)]
        assert route.methods is not None
        (method,) = route.methods
        path = f"{method} {route.path}{query and '?'}{query}"
        yield path, "" if not bodies else fields[0], fields[-1]


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
