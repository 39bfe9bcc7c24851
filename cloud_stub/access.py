"""Who calls: the context of an application, its credentials and its general limits."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from http import HTTPStatus
from typing import Annotated

from fastapi import Depends, Request, Response
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from sqlalchemy import Connection

from secure_pair_protocol.errors import SecurePairError
from secure_pair_protocol.secret import Secret

from .accounts import CallingAccount, CallingTerminal, find_account_by_key, find_terminal
from .limits import Limits, charge, network
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


async def context_of(request: Request) -> Context:
    """Return what the application of a request works with."""
    context = request.app.state.context
    assert isinstance(context, Context)  # noqa: S101
    return context


type InContext = Annotated[Context, Depends(context_of)]

token_of = HTTPBearer(auto_error=False, scheme_name="terminal token")
_KEY = HTTPBearer(auto_error=False, scheme_name="account key")

type Bearer = HTTPAuthorizationCredentials | None
type Token = Annotated[Bearer, Depends(token_of)]
"""A terminal token as it was sent: whose it is is found out in the request's transaction."""


async def as_terminal[T](
    request: Request,
    context: Context,
    token: Bearer,
    rule: Callable[[Connection, CallingTerminal], T | SecurePairError],
) -> T:
    """Carry out a rule for the terminal whose token this is, all in one transaction.

    Raises UnauthenticatedError for a stranger's token, SlowDownError, and what the rule does.
    """
    return await _in_one_transaction(
        request, context, partial(_find_terminal, token=token), _note_terminal, rule
    )


async def calling_terminal(request: Request, context: InContext, token: Token) -> CallingTerminal:
    """Return the terminal whose token this is, by reading alone; raises as `as_terminal`."""
    address = address_of(request)
    terminal = await context.store.database.read(
        lambda connection: _find_terminal(connection, address, token=token)
    )
    if terminal is None:
        # Only strangers are counted.
        return await as_terminal(request, context, token, lambda _, terminal: terminal)
    _note_terminal(request, terminal)
    return terminal


async def _calling_account(
    request: Request, context: InContext, key: Annotated[Bearer, Depends(_KEY)]
) -> CallingAccount:
    store, limits = context.store, context.settings.limits

    def counted(connection: Connection, account: CallingAccount) -> CallingAccount:
        charge(
            connection,
            store.clock(),
            ("address", limits.address, network(account.address)),
            ("account", limits.account, account.account_id),
        )
        return account

    return await _in_one_transaction(
        request, context, partial(_find_account, key=key), _note_account, counted
    )


async def _in_one_transaction[C, T](
    request: Request,
    context: Context,
    find: Callable[[Connection, str | None], C | None],
    note_caller: Callable[[Request, C], None],
    rule: Callable[[Connection, C], T | SecurePairError],
) -> T:
    """Find out who calls, and carry out a rule for him; raises as `as_terminal`."""
    store, limits, address = context.store, context.settings.limits, address_of(request)
    caller: C | None = None

    def work(connection: Connection) -> T | SecurePairError:
        nonlocal caller
        caller = find(connection, address)
        if caller is None:
            return _stranger(connection, store.clock(), limits, address)
        return rule(connection, caller)

    try:
        return await store.database.write(work)
    finally:
        if caller is not None:
            note_caller(request, caller)


def _find_terminal(
    connection: Connection, address: str | None, *, token: Bearer
) -> CallingTerminal | None:
    if token is None:
        return None
    return find_terminal(connection, Secret(token.credentials.encode()), address)


def _find_account(
    connection: Connection, address: str | None, *, key: Bearer
) -> CallingAccount | None:
    if key is None:
        return None
    return find_account_by_key(connection, Secret(key.credentials.encode()), address)


def _stranger(
    connection: Connection, now: float, limits: Limits, address: str | None
) -> UnauthenticatedError:
    """Return the refusal of a stranger; raises SlowDownError to one who tries too often."""
    charge(connection, now, ("stranger", limits.stranger, network(address)))
    return UnauthenticatedError()


def _note_terminal(request: Request, terminal: CallingTerminal) -> None:
    note(request, account=terminal.account, terminal=terminal.terminal_id.hex())


def _note_account(request: Request, account: CallingAccount) -> None:
    note(request, account=account.account)


def address_of(request: Request) -> str | None:
    """Return the client's address; a trusted proxy's word on it was taken before."""
    return request.client.host if request.client is not None else None


async def no_store(response: Response) -> None:
    """Keep the answer out of every cache."""
    response.headers.update(NO_STORE)


type ByTerminal = Annotated[CallingTerminal, Depends(calling_terminal)]
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
