"""Refusals as RFC 9457 problem details; `code` is the failure's (section 11)."""

import logging
from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from sqlalchemy.exc import DBAPIError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from secure_pair_protocol.errors import Failure, SecurePairError

from .limits import SlowDownError
from .observation import note

NO_STORE = {"Cache-Control": "no-store"}

_LOGGER = logging.getLogger(__name__)

_STATUS = {
    Failure.VERSION_NOT_SUPPORTED: HTTPStatus.UNPROCESSABLE_CONTENT,
    Failure.MALFORMED: HTTPStatus.UNPROCESSABLE_CONTENT,
    Failure.TOO_LARGE: HTTPStatus.CONTENT_TOO_LARGE,
    Failure.TIMEOUT: HTTPStatus.REQUEST_TIMEOUT,
    Failure.KEY_SERVICE_UNAVAILABLE: HTTPStatus.SERVICE_UNAVAILABLE,
    Failure.TOKEN_REFUSED: HTTPStatus.FORBIDDEN,
    Failure.NOT_YOURS: HTTPStatus.NOT_FOUND,
    Failure.OWNED_BY_ANOTHER: HTTPStatus.CONFLICT,
    Failure.CLAIM_REFUSED: HTTPStatus.NOT_FOUND,
    Failure.WRONG_SETUP_CODE: HTTPStatus.FORBIDDEN,
    Failure.SLOW_DOWN: HTTPStatus.TOO_MANY_REQUESTS,
}


class UnauthenticatedError(SecurePairError):
    """No token, an unknown one or a revoked one: all alike."""

    def __init__(self) -> None:
        """Need nothing: there is only one answer."""
        super().__init__(Failure.TOKEN_REFUSED)


def problem(
    status: HTTPStatus,
    failure: Failure | None,
    headers: dict[str, str] | None = None,
) -> JSONResponse:
    """Return a problem details answer; without a failure it has no `code`."""
    body: dict[str, str | int] = {
        "type": "about:blank",
        "title": status.phrase,
        "status": status.value,
    }
    if failure is not None:
        body |= {"detail": failure.meaning, "code": failure.value}
    return JSONResponse(
        body,
        status_code=status,
        headers=NO_STORE | (headers or {}),
        media_type="application/problem+json",
    )


def refusal(error: SecurePairError) -> JSONResponse:
    """Return the answer to a request that fails in a way which has a code."""
    if isinstance(error, UnauthenticatedError):
        return problem(HTTPStatus.UNAUTHORIZED, error.failure, {"WWW-Authenticate": "Bearer"})
    failure = error.failure
    if isinstance(error, SlowDownError):
        return problem(_STATUS[failure], failure, {"Retry-After": str(error.seconds)})
    if failure is Failure.OUT_OF_ORDER:
        # Another message in m1's or m2's place: to this service just a wrong form.
        failure = Failure.MALFORMED
    return problem(_STATUS[failure], failure)


def add_problem_handlers(app: FastAPI, retry_seconds: int) -> None:
    """Make every refusal of the application a problem, the unexpected ones too."""

    def malformed(request: Request) -> Response:
        note(request, code=Failure.MALFORMED)
        return problem(HTTPStatus.UNPROCESSABLE_CONTENT, Failure.MALFORMED)

    # Every handler is a coroutine: the framework runs a plain function in a thread.
    @app.exception_handler(SecurePairError)
    async def refused(request: Request, error: SecurePairError) -> Response:
        note(request, code=error.failure)
        if isinstance(error, SlowDownError):
            note(request, limit=error.limit)
        return refusal(error)

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, _error: RequestValidationError) -> Response:
        return malformed(request)

    @app.exception_handler(HTTPException)
    async def http(request: Request, error: HTTPException) -> Response:
        if error.status_code == HTTPStatus.BAD_REQUEST:
            # The framework's answer to a body that no JSON parser takes.
            return malformed(request)
        headers = dict(error.headers) if error.headers else None
        return problem(HTTPStatus(error.status_code), None, headers)

    # Nothing else in a request works with files or sockets of its own.
    @app.exception_handler(OSError)
    @app.exception_handler(DBAPIError)
    async def unavailable(request: Request, error: Exception) -> Response:
        reason = error.orig if isinstance(error, DBAPIError) else error
        _LOGGER.error("database trouble: %s", reason)
        note(request, code=Failure.KEY_SERVICE_UNAVAILABLE)
        return problem(
            HTTPStatus.SERVICE_UNAVAILABLE,
            Failure.KEY_SERVICE_UNAVAILABLE,
            {"Retry-After": str(retry_seconds)},
        )

    @app.exception_handler(Exception)
    async def unexpected(_request: Request, _error: Exception) -> Response:
        return problem(HTTPStatus.INTERNAL_SERVER_ERROR, Failure.KEY_SERVICE_UNAVAILABLE)
