"""Health, ready, metrics and the reference, through the public door."""

import re
from pathlib import Path

from cloud_stub.settings import Settings

from .conftest import UNLIMITED, Cloud, Negotiation, StartCloud


async def test_health_ready_and_the_description_ask_for_no_credential(cloud: Cloud) -> None:
    for path in ("/health", "/ready"):
        answer = await cloud.call("GET", path)
        assert (answer.status, answer.json) == (200, {"status": "ok"})
    description = (await cloud.call("GET", "/openapi.json")).json
    assert description["openapi"].startswith("3.")
    assert {path for path in description["paths"] if path.startswith("/v1")} == {
        "/v1/authorize",
        "/v1/claims",
        "/v1/terminal",
        "/v1/devices",
        "/v1/releases",
        "/v1/exports",
        "/v1/log-out-everyone",
        "/v1/terminals",
        "/v1/terminals/{terminal_id}",
        "/v1/terminals/{terminal_id}/token",
        "/v1/audit",
    }


async def test_the_reference_loads_nothing_from_elsewhere(cloud: Cloud) -> None:
    answer = await cloud.call("GET", "/docs")
    page = answer.body.decode()

    assert answer.status == 200
    assert answer.headers["content-type"].startswith("text/html")
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert not re.search(r"https?://|<script|@import|url\(", page)
    for path in (await cloud.call("GET", "/openapi.json")).json["paths"]:
        assert path in page


async def test_the_metrics_count_what_was_asked_and_name_nobody(cloud: Cloud) -> None:
    anna = await cloud.terminal("anna")
    lock = await cloud.device("2867fa12a3d8")
    await cloud.claim(anna, lock)
    await cloud.pair(anna, lock)
    await cloud.authorize(anna, Negotiation(await cloud.device("x"), anna.terminal_id).body())
    await cloud.call("BREW", "/v1/x'; DROP TABLE devices; --")

    answer = await cloud.call("GET", "/metrics")
    text = answer.body.decode()

    assert answer.headers["content-type"].startswith("text/plain")
    requests = "secure_pair_requests_total"
    for expected in (
        f'{requests}{{method="POST",route="/v1/authorize",status="200"}} 1.0',
        f'{requests}{{method="POST",route="/v1/authorize",status="404"}} 1.0',
        f'{requests}{{method="-",route="-",status="404"}} 1.0',
        'secure_pair_refusals_total{code="not_yours",route="/v1/authorize"} 1.0',
        'secure_pair_request_seconds_count{route="/v1/claims"} 1.0',
        "secure_pair_requests_under_way 1.0",
    ):
        assert expected in text
    assert "anna" not in text
    assert lock.device_id not in text


async def test_metrics_may_ask_for_a_token(start_cloud: StartCloud, data: Path) -> None:
    settings = Settings(metrics_token="for prometheus", limits=UNLIMITED)
    async with start_cloud(data, settings) as cloud:
        nobody = await cloud.call("GET", "/metrics")
        wrong = await cloud.call("GET", "/metrics", "Bearer for nobody")
        right = await cloud.call("GET", "/metrics", "Bearer for prometheus")
        nothing = await cloud.call("GET", "/nothing")

    assert (nobody.status, right.status) == (404, 200)
    assert nobody.seen == wrong.seen == nothing.seen
