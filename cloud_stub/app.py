"""The key service as an HTTP application (docs/protocol.md, section 11)."""

from importlib.metadata import PackageNotFoundError, version
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from . import account_api, operations_api, terminal_api
from .access import Context
from .body import BodyLimit
from .observation import Observation
from .problems import add_problem_handlers
from .settings import Settings
from .steps import OnStep
from .store import Store
from .wire import Problem

_TITLE = "Secure Pair key service"


def create_app(
    store: Store,
    settings: Settings | None = None,
    on_step: OnStep | None = None,
) -> FastAPI:
    """Return the application over an open store; whoever opened it closes it.

    `on_step` is called with each step that was answered.
    """
    settings = settings or Settings()
    app = FastAPI(
        title=_TITLE,
        version=_version(),
        # These pages would load from elsewhere; /docs is in operations_api.
        docs_url=None,
        redoc_url=None,
        # What it tells of a refused body may be the body.
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )
    app.router.redirect_slashes = False
    context = Context(store, settings, on_step)
    app.state.context = context
    for api in (terminal_api, account_api, operations_api):
        app.include_router(api.router)
    app.add_middleware(BodyLimit, limit=settings.body_limit, seconds=settings.body_seconds)
    app.add_middleware(Observation, metrics=context.metrics)
    add_problem_handlers(app, settings.retry_seconds)
    app.openapi = lambda: _description(app)  # type: ignore[method-assign]
    return app


def _description(app: FastAPI) -> dict[str, Any]:
    """Return the OpenAPI description, with the refusals that this service has."""
    if app.openapi_schema is None:
        described = get_openapi(title=_TITLE, version=app.version, routes=app.routes)
        schemas = described["components"]["schemas"]
        for unused in ("HTTPValidationError", "ValidationError"):
            schemas.pop(unused, None)
        schemas[Problem.__name__] = Problem.model_json_schema()
        app.openapi_schema = described
    return app.openapi_schema


def _version() -> str:
    try:
        return version("secure-pair")
    except PackageNotFoundError:
        return "0"
