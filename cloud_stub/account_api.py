"""What an owner asks with the account key (docs/protocol.md, section 11)."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException, Query, Request

from . import audit, devices, ownership, terminals
from .access import ByAccount, InContext, no_store, problems
from .accounts import CallingAccount
from .observation import note
from .tables import AnyRow
from .terminals import IssuedTerminal
from .wire import (
    AuditAnswer,
    AuditEntryAnswer,
    ClaimRequest,
    DeviceEntry,
    DeviceId,
    DevicesAnswer,
    ExportAnswer,
    IssuedAnswer,
    IssueRequest,
    LogOutAnswer,
    ReleaseAnswer,
    ReleaseRequest,
    TerminalEntry,
    TerminalId,
    TerminalsAnswer,
)

router = APIRouter(
    dependencies=[Depends(no_store)],
    tags=["with the account key"],
    responses=problems(HTTPStatus.UNAUTHORIZED, HTTPStatus.TOO_MANY_REQUESTS),
)

type Size = Annotated[int, Query(ge=1, le=1000, description="how many at most")]
type Entry = Annotated[int | None, Query(ge=1, lt=2**63, description="older than this entry")]


@router.get("/v1/devices")
async def get_devices(
    context: InContext,
    account: ByAccount,
    after: DeviceId | None = None,
    limit: Size = 100,
) -> DevicesAnswer:
    """List the account's devices."""
    found = await devices.devices_of(context.store, account.account_id, after or "", limit)
    return DevicesAnswer(
        devices=[
            DeviceEntry(
                device_id=device.device_id,
                model=device.model,
                labelled=device.claim_hash is not None,
                owner_epoch=device.owner_epoch,
            )
            for device in found
        ],
        after=found[-1].device_id if len(found) == limit else None,
    )


@router.post("/v1/releases", responses=problems(HTTPStatus.NOT_FOUND))
async def post_release(
    request: Request, context: InContext, account: ByAccount, asked: ReleaseRequest
) -> ReleaseAnswer:
    """Give a device up: another account can claim it, and its sessions end."""
    note(request, device=asked.device_id)
    await ownership.release_own(context.store, account, asked.device_id)
    return ReleaseAnswer(device_id=asked.device_id)


@router.post("/v1/exports", responses=problems(HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND))
async def post_export(
    request: Request, context: InContext, account: ByAccount, asked: ClaimRequest
) -> ExportAnswer:
    """Export the initial key of one's own device, on the proof that its label was seen."""
    note(request, device=asked.device_id)
    row = await devices.export_own(
        context.store, account, asked.device_id, asked.claim_proof, context.settings.limits
    )
    return ExportAnswer(
        device_id=row.device_id,
        initial_key=row.initial_key,
        claim_hash=row.claim_hash,
        model=row.model,
    )


@router.post("/v1/log-out-everyone")
async def post_log_out_everyone(context: InContext, account: ByAccount) -> LogOutAnswer:
    """Raise the epoch of each of the account's devices: all sessions have to be renewed."""
    return LogOutAnswer(devices=await ownership.log_out_everyone(context.store, account))


@router.get("/v1/terminals")
async def get_terminals(context: InContext, account: ByAccount) -> TerminalsAnswer:
    """List the account's terminals."""
    found = await terminals.terminals_of(context.store, account.account_id)
    return TerminalsAnswer(
        terminals=[
            TerminalEntry(
                terminal_id=terminal.terminal_id, name=terminal.name, revoked=terminal.revoked
            )
            for terminal in found
        ]
    )


@router.post("/v1/terminals", status_code=HTTPStatus.CREATED)
async def post_terminal(
    context: InContext, account: ByAccount, asked: IssueRequest
) -> IssuedAnswer:
    """Issue a terminal id, and its token, which is shown this once."""
    store = context.store
    issued = await store.database.write(
        lambda connection: terminals.issue(
            connection, store.clock(), account.actor, account.account_id, asked.name
        )
    )
    return _issued(issued)


@router.post("/v1/terminals/{terminal_id}/token", responses=problems(HTTPStatus.NOT_FOUND))
async def post_token(
    context: InContext, account: ByAccount, terminal_id: TerminalId
) -> IssuedAnswer:
    """Replace a terminal's token; the terminal keeps its id, and devices their sessions."""
    store = context.store
    issued = await store.database.write(
        lambda connection: terminals.reissue(
            connection, store.clock(), account.actor, account.account_id, terminal_id
        )
    )
    if issued is None:
        raise HTTPException(HTTPStatus.NOT_FOUND)
    return _issued(issued)


@router.delete("/v1/terminals/{terminal_id}", responses=problems(HTTPStatus.NOT_FOUND))
async def delete_terminal(
    context: InContext, account: ByAccount, terminal_id: TerminalId
) -> TerminalsAnswer:
    """Revoke a terminal's token for ever; answers with the account's terminals."""
    store = context.store
    found = await store.database.write(
        lambda connection: terminals.revoke(
            connection, store.clock(), account.actor, account.account_id, terminal_id
        )
    )
    if not found:
        raise HTTPException(HTTPStatus.NOT_FOUND)
    return await get_terminals(context, account)


@router.get("/v1/audit")
async def get_audit(
    context: InContext,
    account: ByAccount,
    device_id: DeviceId | None = None,
    before: Entry = None,
    limit: Size = 100,
) -> AuditAnswer:
    """List what was done with the account's credentials, and to its devices."""
    found = await audit.entries(
        context.store, account.account_id, device_id=device_id, before=before, limit=limit
    )
    return AuditAnswer(
        entries=[_entry(entry, account) for entry in found],
        before=found[-1].entry_id if len(found) == limit else None,
    )


def _issued(issued: IssuedTerminal) -> IssuedAnswer:
    return IssuedAnswer(terminal_id=issued.terminal_id, token=issued.token.reveal().decode())


def _entry(entry: AnyRow, account: CallingAccount) -> AuditEntryAnswer:
    own = entry.account_id == account.account_id
    by = "you" if own else "operator" if entry.account_id is None else "another account"
    shown = own or (entry.account_id is None and entry.owner_id == account.account_id)
    return AuditEntryAnswer.model_validate(
        {
            "entry": entry.entry_id,
            "at": entry.at / 1000,
            "action": entry.action,
            "actor": entry.actor,
            "by": by,
            "outcome": entry.outcome,
            "device_id": entry.device_id,
            "terminal_id": entry.terminal_id if shown else None,
            "address": entry.address if own else None,
        }
    )
