"""``audit``: what was done, the newest first."""

import datetime as dt
import json
from collections.abc import Sequence
from typing import Annotated

import typer

from cloud_stub import audit
from cloud_stub.store import Store
from cloud_stub.tables import AnyRow
from secure_pair_protocol import base64url

from .running import DATA, Data, run

_PAGE = 500


def show(
    *,
    device: Annotated[str | None, typer.Option(help="Only this device's.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="So many at most.")] = 100,
    data: Data = DATA,
) -> None:
    """Print the audit, the newest entries first, as a JSON object a line."""

    async def printed(store: Store) -> None:
        before, left = None, limit
        while left > 0:
            page: Sequence[AnyRow] = await audit.entries(
                store, None, device_id=device, before=before, limit=min(left, _PAGE)
            )
            for entry in page:
                typer.echo(json.dumps(_fields(entry)))
            if len(page) < min(left, _PAGE):
                return
            left -= len(page)
            before = page[-1].entry_id

    run(data, printed)


def _fields(entry: AnyRow) -> dict[str, object]:
    terminal = base64url.encode(entry.terminal_id) if entry.terminal_id is not None else None
    fields = {
        "entry": entry.entry_id,
        "at": dt.datetime.fromtimestamp(entry.at / 1000, dt.UTC).isoformat(),
        "action": entry.action,
        "outcome": entry.outcome,
        "actor": entry.actor,
        "account": entry.account_id,
        "owner": entry.owner_id,
        "device_id": entry.device_id,
        "terminal_id": terminal,
        "address": entry.address,
    }
    return {name: value for name, value in fields.items() if value is not None}
