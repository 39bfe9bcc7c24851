"""``backup``, ``restore``, ``raise-epochs``, ``rotate-master-key``."""

from pathlib import Path
from typing import Annotated

import typer

from cloud_stub import backup, ownership, rotation
from cloud_stub.store import Store

from .running import DATA, Data, attempt, bar, console, run


def make_backup(
    file: Annotated[Path, typer.Argument(help="A file that is not there yet.")],
    data: Data = DATA,
) -> None:
    """Copy the SQLite database to a file, while the service runs.

    The master key is not in it: keep a copy of that at another place.
    """
    run(data, lambda store: backup.backup(store, file))
    console.print(f"backup written to {file}")


def restore_backup(
    file: Annotated[Path, typer.Argument(help="What `backup` wrote.")],
    data: Data = DATA,
) -> None:
    """Put a backup in the place of the SQLite database, and raise every epoch.

    The service has to be stopped. What was revoked or released since is not: look at the
    audit of the former database, which is kept if there is one.
    """

    async def restored() -> tuple[int, Path | None]:
        return await backup.restore(file, data)

    devices, former = attempt(restored())
    if former is not None:
        console.print(f"the former database is {former}")
    console.print(f"restored, and the epochs of {devices} devices raised")


def raise_epochs(data: Data = DATA) -> None:
    """Raise every epoch to the present: after PostgreSQL was restored by its own tools."""
    count = run(data, ownership.raise_all_epochs)
    console.print(f"the epochs of {count} devices raised")


def rotate_master_key(data: Data = DATA) -> None:
    """Seal every initial key under a new master key; take it up again if interrupted."""

    async def rotated(store: Store) -> int:
        with bar() as progress:
            task = progress.add_task("sealing")
            return await rotation.rotate(
                store, lambda done, total: progress.update(task, completed=done, total=total)
            )

    count = run(data, rotated)
    console.print(f"{count} initial keys sealed under the new master key")
    if (data / "master.key.previous").exists():
        console.print(
            f"backups from before open with {data / 'master.key.previous'}: delete it with them"
        )
