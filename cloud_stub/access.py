"""Who calls: the context of an application, its credentials and its general limits."""

from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Annotated

from fastapi import Depends, Request, Response
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from secure_pair_protocol.secret import Secret

from .accounts import CallingAccount, CallingTerminal, authenticate, authenticate_account
from .limits import charge, network
from .metrics import Metrics
from .observation import note
from .problems import NO_STORE, UnauthenticatedError
from .settings import Settings
from .steps import OnStep
from .store import Store
from .wire import Problem


@dataclass(frozen=True, slots=True, eq=False)
class Context:
    """What the routes of one application work with."""

    store: Store
    settings: Settings
    on_step: OnStep | None
    metrics: Metrics = field(default_factory=Metrics)


# Every dependency is a coroutine: the framework runs a plain function in a thread.


async def _context(request: Request) -> Context:
    context = request.app.state.context
    assert isinstance(context, Context)  # noqa: S101
    return context


type InContext = Annotated[Context, Depends(_context)]

_TOKEN = HTTPBearer(auto_error=False, scheme_name="terminal token")
_KEY = HTTPBearer(auto_error=False, scheme_name="account key")


async def _calling_terminal(
    request: Request,
    context: InContext,
    bearer: Annotated[HTTPAuthorizationCredentials | None, Depends(_TOKEN)],
) -> CallingTerminal:
    if bearer is not None:
        token = Secret(bearer.credentials.encode())
        if terminal := await authenticate(context.store, token, address_of(request)):
            note(request, account=terminal.account, terminal=terminal.terminal_id.hex())
            return terminal
    raise await _stranger(request, context)


async def _calling_account(
    request: Request,
    context: InContext,
    bearer: Annotated[HTTPAuthorizationCredentials | None, Depends(_KEY)],
) -> CallingAccount:
    if bearer is not None:
        key = Secret(bearer.credentials.encode())
        if account := await authenticate_account(context.store, key, address_of(request)):
            note(request, account=account.account)
            await _count(context, account)
            return account
    raise await _stranger(request, context)


async def _count(context: Context, account: CallingAccount) -> None:
    limits, store = context.settings.limits, context.store
    async with store.database.writing() as session, session.begin():
        await charge(
            session,
            store.clock(),
            ("address", limits.address, network(account.address)),
            ("account", limits.account, account.account_id),
        )


async def _stranger(request: Request, context: Context) -> UnauthenticatedError:
    """Return the refusal of a stranger; raises SlowDownError to one who tries too often."""
    store, limit = context.store, context.settings.limits.stranger
    async with store.database.writing() as session, session.begin():
        whom = network(address_of(request))
        await charge(session, store.clock(), ("stranger", limit, whom))
    return UnauthenticatedError()


def address_of(request: Request) -> str | None:
    """Return the client's address; a trusted proxy's word on it was taken before."""
    return request.client.host if request.client is not None else None


async def no_store(response: Response) -> None:
    """Keep the answer out of every cache."""
    response.headers.update(NO_STORE)


type ByTerminal = Annotated[CallingTerminal, Depends(_calling_terminal)]
type ByAccount = Annotated[CallingAccount, Depends(_calling_account)]


def problems(*statuses: HTTPStatus) -> dict[int | str, dict[str, object]]:
    """Describe these answers, and those that any request may get, for OpenAPI."""
    always = (
        HTTPStatus.REQUEST_TIMEOUT,
        HTTPStatus.CONTENT_TOO_LARGE,
        HTTPStatus.UNPROCESSABLE_CONTENT,
        HTTPStatus.INTERNAL_SERVER_ERROR,
        HTTPStatus.SERVICE_UNAVAILABLE,
    )
    schema = {"$ref": f"#/components/schemas/{Problem.__name__}"}
    return {
        status.value: {
            "description": status.phrase,
            "content": {"application/problem+json": {"schema": schema}},
        }
        for status in sorted({*always, *statuses})
    }
