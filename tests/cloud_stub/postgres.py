"""A real PostgreSQL of one's own: on a free port, in a folder that goes away with it."""

import os
import pwd
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from psycopg import sql

USER = "keys"
_UNPRIVILEGED = ("postgres", "nobody")


class NoPostgresError(Exception):
    """PostgreSQL cannot be started here, and what would help."""


def binaries() -> Path:
    """Return the folder with initdb and postgres; raises NoPostgresError."""
    # Debian keeps them out of the PATH; of several versions the newest.
    found = sorted(
        Path("/usr/lib/postgresql").glob("*/bin/initdb"),
        key=lambda path: float(path.parts[-3]),
    )
    if found:
        return found[-1].parent
    if (elsewhere := shutil.which("initdb")) is not None:
        return Path(elsewhere).resolve().parent
    raise NoPostgresError(
        "no PostgreSQL on this machine: apt-get install --no-install-recommends postgresql"
    )


_OWN_PORTS = range(15_000, 30_000)
"""Below those that Linux gives to whoever asks for any."""


def _identity() -> tuple[int, int] | None:
    """Return user and group to start it as: it refuses to be root's."""
    if os.getuid() != 0:
        return None
    for name in _UNPRIVILEGED:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return entry.pw_uid, entry.pw_gid
    raise NoPostgresError("root cannot start PostgreSQL, and there is no other user")


class Cluster:
    """A running server; `url` makes the address of one of its databases."""

    def __init__(self, folder: Path, port: int, identity: tuple[int, int] | None) -> None:
        self._folder = folder
        self._port = port
        self._user = identity[0] if identity else None
        self._group = identity[1] if identity else None
        self._server: subprocess.Popen[bytes] | None = None
        self._count = 0
        self.durable = False

    def url(self, database: str) -> str:
        return f"postgresql://{USER}@127.0.0.1:{self._port}/{database}"

    def _run(self, *command: str | Path) -> None:
        done = subprocess.run(
            [*map(str, command)],
            check=False,
            capture_output=True,
            cwd=self._folder,
            timeout=60,
            user=self._user,
            group=self._group,
        )
        if done.returncode:
            raise NoPostgresError(done.stderr.decode())

    def make(self) -> None:
        self._run(
            binaries() / "initdb",
            *("-D", self._folder / "data", "-U", USER, "-A", "trust", "--no-sync"),
            *("-E", "UTF8", "--locale", "C"),
        )

    def start(self) -> None:
        """Start it, and wait until it answers."""
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": self._port,
            "unix_socket_directories": "",
            "max_connections": 100,
            # Only against the power going off in the middle of a test.
            "fsync": "on" if self.durable else "off",
        }
        options = [f"-c{name}={value}" for name, value in settings.items()]
        with (self._folder / "log").open("ab") as log:
            self._server = subprocess.Popen(
                [str(binaries() / "postgres"), "-D", str(self._folder / "data"), *options],
                stdout=log,
                stderr=log,
                cwd=self._folder,
                user=self._user,
                group=self._group,
            )
        ready = [binaries() / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(self._port)]
        for _ in range(600):
            if subprocess.run([*map(str, ready)], check=False).returncode == 0:
                return
            if self._server.poll() is not None:
                break
            time.sleep(0.05)
        raise NoPostgresError((self._folder / "log").read_text())

    def stop(self) -> None:
        """Stop it at once, as a crash does: its connections are cut."""
        if self._server is not None:
            self._server.send_signal(signal.SIGQUIT)
            self._server.wait(20)
            self._server = None

    async def database(self, template: str | None = None) -> str:
        """Make a database, as a copy of another if asked for; returns its name."""
        self._count += 1
        name = f"keys{self._count}"
        create = sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name))
        if template:
            create += sql.SQL(" TEMPLATE {} STRATEGY FILE_COPY").format(sql.Identifier(template))
        async with await psycopg.AsyncConnection.connect(
            self.url("postgres"), autocommit=True
        ) as connection:
            await connection.execute(create)
        return name


def _free_port() -> int:
    """Draw a port that nobody is given who asks for any: it is needed again after a stop."""
    for port in random.sample(_OWN_PORTS, len(_OWN_PORTS)):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise NoPostgresError("no port is free")


@contextmanager
def cluster(*, durable: bool = False) -> Generator[Cluster]:
    """Make and start a server; raises NoPostgresError."""
    binaries()
    identity = _identity()
    folder = Path(tempfile.mkdtemp(prefix="secure-pair-postgresql-"))
    made = Cluster(folder, _free_port(), identity)
    made.durable = durable
    try:
        if identity is not None:
            os.chown(folder, *identity)
        made.make()
        made.start()
        yield made
    finally:
        made.stop()
        shutil.rmtree(folder, ignore_errors=True)
