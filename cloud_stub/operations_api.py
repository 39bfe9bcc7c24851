"""What whoever runs the service asks: is it alive, can it work, what has it counted."""

import hmac
import ipaddress
from http import HTTPStatus

from fastapi import APIRouter, Depends, HTTPException, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST
from sqlalchemy import select

from .access import InContext, address_of, no_store, problems
from .reference import page
from .tables import SERVICE
from .wire import StatusAnswer

router = APIRouter(dependencies=[Depends(no_store)], tags=["for whoever runs it"])

_ANY = select(SERVICE.c.check_value)
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'",
    "X-Content-Type-Options": "nosniff",
}


@router.get("/health")
async def get_health() -> StatusAnswer:
    """Tell that the process answers."""
    return StatusAnswer()


@router.get("/ready", responses=problems())
async def get_ready(context: InContext) -> StatusAnswer:
    """Tell whether the database answers too: whether requests are worth while."""
    await context.store.database.read(lambda connection: connection.execute(_ANY).all())
    return StatusAnswer()


@router.get("/metrics", include_in_schema=False)
async def get_metrics(request: Request, context: InContext) -> Response:
    """Give Prometheus what was counted; to strangers there is no such page."""
    if not _may_read(request, context.settings.metrics_token):
        raise HTTPException(HTTPStatus.NOT_FOUND)
    return Response(context.metrics.text(), media_type=CONTENT_TYPE_LATEST)


@router.get("/docs", include_in_schema=False)
async def get_docs(request: Request) -> Response:
    """Describe the service for a reader."""
    return Response(page(request.app.openapi()), media_type="text/html", headers=_HEADERS)


def _may_read(request: Request, token: str | None) -> bool:
    if token is not None:
        given = request.headers.get("authorization", "")
        return hmac.compare_digest(given.encode(), f"Bearer {token}".encode())
    try:
        return ipaddress.ip_address(address_of(request) or "").is_loopback
    except ValueError:
        return False
