"""A PostgreSQL of the tests' own: in a temporary folder, on a socket there, stopped by its process id."""

import asyncio
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

USER = "gateway"


def binaries() -> Path | None:
    """Where PostgreSQL's programs are; None if it is not installed."""
    found = shutil.which("initdb")
    if found:
        return Path(found).resolve().parent
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return installed[-1].parent if installed else None


@dataclass
class Cluster:
    """A server and its folder."""

    programs: Path
    folder: Path
    durable: bool = False
    process: subprocess.Popen[bytes] | None = None

    def url(self, name: str) -> str:
        """The DATABASE_URL of a database."""
        return f"postgresql://{USER}@/{name}?host={self.folder}"

    def prepare(self) -> None:
        """Make an empty cluster. PostgreSQL refuses to run as root, so somebody else runs it there."""
        if os.geteuid() == 0:
            shutil.chown(self.folder, **self._who())
        command = [str(self.programs / "initdb"), "-D", str(self.folder / "data"), "-U", USER]
        command += ["--auth", "trust", "--encoding", "UTF8", "--no-locale", "--no-sync"]
        subprocess.run(command, check=True, capture_output=True, cwd=self.folder, timeout=60, **self._as())

    def start(self, *settings: str) -> None:
        """Start the server, and wait until it answers."""
        command = [str(self.programs / "postgres"), "-D", str(self.folder / "data"), "-k", str(self.folder)]
        command += ["-c", "listen_addresses=", "-c", "max_connections=60"]
        if not self.durable:
            command += ["-c", "fsync=off", "-c", "synchronous_commit=off"]
        for setting in settings:
            command += ["-c", setting]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, cwd=self.folder, **self._as())
        deadline = time.monotonic() + 30
        while not self._answers():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError((self.folder / "log").read_text()[-2000:])
            time.sleep(0.05)

    def stop(self) -> None:
        """Stop the server at once, as a failing machine would; what was committed is kept."""
        if self.process is not None:
            self.process.send_signal(signal.SIGINT)
            self.process.wait(30)
            self.process = None

    def execute(self, statement: str, name: str = "postgres") -> None:
        """Run a statement that is no transaction."""
        with psycopg.connect(self.url(name), autocommit=True) as connection:
            connection.execute(statement.encode())

    async def restart_after(self, seconds: float) -> None:
        """Stop, stay away for a while, and start again."""
        await asyncio.to_thread(self.stop)
        await asyncio.sleep(seconds)
        await asyncio.to_thread(self.start)

    def _answers(self) -> bool:
        try:
            self.execute("SELECT 1")
        except psycopg.OperationalError:
            return False
        return True

    def _who(self) -> dict[str, Any]:
        try:
            owner = pwd.getpwnam("postgres")
        except KeyError:
            owner = pwd.getpwnam("nobody")
        return {"user": owner.pw_uid, "group": owner.pw_gid}

    def _as(self) -> dict[str, Any]:
        return self._who() | {"extra_groups": []} if os.geteuid() == 0 else {}


@contextmanager
def running(programs: Path, *settings: str, durable: bool = False) -> Iterator[Cluster]:
    """A server that is gone at the end, with all it wrote."""
    with tempfile.TemporaryDirectory(prefix="pg", ignore_cleanup_errors=True) as folder:
        cluster = Cluster(programs, Path(folder), durable)
        cluster.prepare()
        try:
            cluster.start(*settings)
            yield cluster
        finally:
            cluster.stop()
