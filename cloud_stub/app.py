"""The key service as an HTTP application (docs/protocol.md, section 11)."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends, FastAPI, Request, Response
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from sqlalchemy import select

from secure_pair_protocol.crypto import PRIMITIVES
from secure_pair_protocol.negotiation import parse_authorization_request
from secure_pair_protocol.secret import Secret

from . import authorization, ownership
from .accounts import CallingTerminal, authenticate
from .body import BodyLimit
from .problems import NO_STORE, UnauthenticatedError, add_problem_handlers
from .settings import Settings
from .steps import OnStep, answering
from .store import Store
from .tables import Service
from .wire import (
    AuthorizeAnswer,
    AuthorizeRequest,
    ClaimAnswer,
    ClaimRequest,
    HealthAnswer,
    TerminalAnswer,
)


@dataclass(frozen=True, slots=True, eq=False)
class Context:
    """What the routes of one application work with."""

    store: Store
    settings: Settings
    on_step: OnStep | None


# Every dependency is a coroutine: the framework runs a plain function in a thread.


async def _context(request: Request) -> Context:
    context = request.app.state.context
    assert isinstance(context, Context)  # noqa: S101
    return context


type InContext = Annotated[Context, Depends(_context)]
type Bearer = Annotated[HTTPAuthorizationCredentials | None, Depends(HTTPBearer(auto_error=False))]


async def _calling(context: InContext, bearer: Bearer) -> CallingTerminal:
    if bearer is not None:
        token = Secret(bearer.credentials.encode())
        if terminal := await authenticate(context.store, token):
            return terminal
    raise UnauthenticatedError


async def _no_store(response: Response) -> None:
    response.headers.update(NO_STORE)


type Calling = Annotated[CallingTerminal, Depends(_calling)]

router = APIRouter(dependencies=[Depends(_no_store)])


@router.post("/v1/authorize")
async def post_authorize(
    context: InContext, terminal: Calling, asked: AuthorizeRequest
) -> AuthorizeAnswer:
    """Steps 3 and 4: encrypt a device's first data for its owner's terminal."""
    with answering(context.on_step, 4, "first encrypted data") as step:
        request = parse_authorization_request(PRIMITIVES, asked.m1, asked.m2)
        step.device_id = request.device_id
        answer = await authorization.authorize(
            context.store,
            terminal,
            request,
            m1=asked.m1,
            m2=asked.m2,
            first_public_key=asked.first_public_key,
            lifetime=context.settings.grant_lifetime,
        )
    return AuthorizeAnswer(
        first_encrypted_data=answer.first_encrypted_data,
        ticket_key=answer.ticket_key,
        lifetime=answer.lifetime,
    )


@router.post("/v1/claims")
async def post_claim(context: InContext, terminal: Calling, asked: ClaimRequest) -> ClaimAnswer:
    """Make the account the device's owner, on the proof that its label was seen."""
    with answering(context.on_step, None, "claim") as step:
        step.device_id = asked.device_id
        await ownership.claim(context.store, terminal, asked.device_id, asked.claim_proof)
    return ClaimAnswer(device_id=asked.device_id)


@router.get("/v1/terminal")
async def get_terminal(terminal: Calling) -> TerminalAnswer:
    """Tell a terminal who it is."""
    return TerminalAnswer(terminal_id=terminal.terminal_id, account=terminal.account)


@router.get("/health")
async def get_health(context: InContext) -> HealthAnswer:
    """Tell whether the service can answer."""
    async with context.store.database.reading() as session:
        await session.scalar(select(Service.schema))
    return HealthAnswer(status="ok")


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
        title="Secure Pair key service",
        # Its documentation is docs/protocol.md, and its pages would load from elsewhere.
        openapi_url=None,
        # What it tells of a refused body may be the body.
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )
    app.router.redirect_slashes = False
    app.state.context = Context(store, settings, on_step)
    app.include_router(router)
    app.add_middleware(BodyLimit, limit=settings.body_limit, seconds=settings.body_seconds)
    add_problem_handlers(app, settings.retry_seconds)
    return app
