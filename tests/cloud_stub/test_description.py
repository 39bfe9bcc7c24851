"""The OpenAPI description against the service: everything that it allows, and what it forbids.

The long form: SECURE_PAIR_EXAMPLES=500 ./scripts/test tests/cloud_stub/test_description.py
"""

import asyncio
import os
import threading
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from pytest_socket import enable_socket
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    ignored_auth,
    negative_data_rejection,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from cloud_stub.database import Database

from .conftest import Cloud, Negotiation, started

EXAMPLES = int(os.environ.get("SECURE_PAIR_EXAMPLES", "4"))
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    unsupported_method,
]


@dataclass(frozen=True)
class Running:
    """A service on a loop of its own, and who may ask it."""

    url: str
    key: str
    token: str

    def header(self, path: str) -> dict[str, str]:
        with_token = path in {"/v1/authorize", "/v1/claims", "/v1/terminal"}
        return {"Authorization": f"Bearer {self.token if with_token else self.key}"}


async def all_threads(database: Database) -> None:
    """Have the pool begin all of its threads: a later one would be taken for a test's own."""
    meeting = threading.Barrier(database._threads._max_workers)
    await asyncio.gather(
        *(database.read(lambda _: meeting.wait(10)) for _ in range(meeting.parties))
    )


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """What asks is not asynchronous, so the service runs in a thread."""
    # It is made before what each test is allowed.
    enable_socket()
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    stack = AsyncExitStack()

    async def start(data: Path) -> Running:
        cloud: Cloud = await stack.enter_async_context(started(data))
        anna = await cloud.terminal("anna")
        lock = await cloud.device("lock")
        await cloud.claim(anna, lock)
        await cloud.authorize(anna, Negotiation(lock, anna.terminal_id).body())
        key = await cloud.key("anna")
        await all_threads(cloud.store.database)
        return Running(cloud.url, key.reveal().decode(), anna.token.reveal().decode())

    def wait[T](coroutine: object) -> object:
        return asyncio.run_coroutine_threadsafe(coroutine, loop).result(30)  # type: ignore[arg-type]

    try:
        running = wait(start(tmp_path_factory.mktemp("description")))
        assert isinstance(running, Running)
        yield running
        wait(stack.aclose())
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


@pytest.fixture
def api(service: Running) -> schemathesis.BaseSchema:
    return schemathesis.openapi.from_url(f"{service.url}/openapi.json")


schema = schemathesis.pytest.from_fixture("api")


@schema.parametrize()
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    database=None,
    derandomize=True,
)
def test_it_answers_as_it_is_described(case: schemathesis.Case[Any], service: Running) -> None:
    answer = case.call(headers=service.header(case.operation.path))
    checks = [*CHECKS]
    if case.operation.body:
        # Of a query, what is unknown is passed over, and "1" is a number.
        checks.append(negative_data_rejection)
    case.validate_response(answer, checks=checks, excluded_checks=[ignored_auth])
