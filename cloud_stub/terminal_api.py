"""What a terminal asks with its token (docs/protocol.md, section 11)."""

from collections.abc import Callable, Coroutine
from http import HTTPStatus
from typing import Any, override

from fastapi import APIRouter, Depends, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException

from secure_pair_protocol.crypto import PRIMITIVES
from secure_pair_protocol.errors import SecurePairError
from secure_pair_protocol.negotiation import parse_authorization_request

from . import authorization, ownership
from .access import (
    ByTerminal,
    InContext,
    Token,
    as_terminal,
    calling_terminal,
    context_of,
    no_store,
    problems,
    token_of,
)
from .observation import note
from .steps import answering
from .wire import AuthorizeAnswer, AuthorizeRequest, ClaimAnswer, ClaimRequest, TerminalAnswer


class _StrangersFirst(APIRoute):
    """A route whose token is looked at in the request's transaction, the body before it.

    To a stranger there is one answer all the same, whatever the body is.
    """

    @override
    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def handled(request: Request) -> Response:
            try:
                return await handle(request)
            except RequestValidationError, HTTPException:
                # The latter for a body that no JSON parser takes.
                await calling_terminal(request, await context_of(request), await token_of(request))
                raise

        return handled


router = APIRouter(
    dependencies=[Depends(no_store)],
    tags=["with a terminal token"],
    responses=problems(HTTPStatus.UNAUTHORIZED, HTTPStatus.TOO_MANY_REQUESTS),
    route_class=_StrangersFirst,
)


@router.post("/v1/authorize", responses=problems(HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND))
async def post_authorize(
    request: Request, context: InContext, token: Token, asked: AuthorizeRequest
) -> AuthorizeAnswer:
    """Steps 3 and 4: encrypt a device's first data for its owner's terminal."""
    with answering(context.on_step, 4, "first encrypted data") as step:
        try:
            parsed = parse_authorization_request(PRIMITIVES, asked.m1, asked.m2)
        except SecurePairError:
            await calling_terminal(request, context, token)
            raise
        step.device_id = parsed.device_id
        note(request, device=parsed.device_id)
        answer = await as_terminal(
            request,
            context,
            token,
            lambda connection, terminal: authorization.authorize(
                connection,
                context.store,
                terminal,
                parsed,
                m1=asked.m1,
                m2=asked.m2,
                first_public_key=asked.first_public_key,
                lifetime=context.settings.grant_lifetime,
                limits=context.settings.limits,
            ),
        )
    return AuthorizeAnswer(
        first_encrypted_data=answer.first_encrypted_data,
        ticket_key=answer.ticket_key,
        lifetime=answer.lifetime,
    )


@router.post(
    "/v1/claims",
    responses=problems(HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT),
)
async def post_claim(
    request: Request, context: InContext, token: Token, asked: ClaimRequest
) -> ClaimAnswer:
    """Make the account the device's owner, on the proof that its label was seen."""
    with answering(context.on_step, None, "claim") as step:
        step.device_id = asked.device_id
        note(request, device=asked.device_id)
        await as_terminal(
            request,
            context,
            token,
            lambda connection, terminal: ownership.claim(
                connection,
                context.store,
                terminal,
                asked.device_id,
                asked.claim_proof,
                context.settings.limits,
            ),
        )
    return ClaimAnswer(device_id=asked.device_id)


@router.get("/v1/terminal")
async def get_terminal(terminal: ByTerminal) -> TerminalAnswer:
    """Tell a terminal who it is."""
    return TerminalAnswer(terminal_id=terminal.terminal_id, account=terminal.account)
