"""Both kinds of ledger: a SQLite file, and a PostgreSQL server of the tests' own that ends with them."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

#: Where Debian keeps what the server itself is made of.
_FOLDERS = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """The address of a PostgreSQL server on a socket in a folder, without its database; skips where there is none."""
    pytest.importorskip("sqlalchemy")
    pytest.importorskip("psycopg")
    places = [*map(str, _FOLDERS), os.environ.get("PATH", "")]
    found = {name: shutil.which(name, path=os.pathsep.join(places)) for name in ("initdb", "postgres", "pg_ctl")}
    if not all(found.values()):
        pytest.skip("there is no PostgreSQL server here")
    # Not tmp_path: the path of a socket must be short, and the server's own user must get there.
    folder = Path(tempfile.mkdtemp(prefix="forecast-pg-"))
    as_user: list[str] = []
    if os.geteuid() == 0:
        # The server refuses to run as root.
        if not shutil.which("setpriv"):
            pytest.skip("PostgreSQL does not run as root, and setpriv is missing")
        as_user = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
        os.chown(folder, 65534, 65534)
    data, environment = folder / "data", {"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "LC_ALL": "C"}

    def run(*arguments: str) -> None:
        subprocess.run([*as_user, *arguments], env=environment, cwd=folder, check=True, capture_output=True, timeout=60)

    run(str(found["initdb"]), "-D", str(data), "-U", "forecast", "-A", "trust", "--no-sync", "-E", "UTF8")
    options = f"-c listen_addresses='' -c unix_socket_directories={folder} -c fsync=off"
    log = str(folder / "log")
    run(str(found["pg_ctl"]), "-D", str(data), "-w", "-l", log, "-o", options, "start")
    try:
        yield f"postgresql+psycopg://forecast@/{{}}?host={folder}"
    finally:
        run(str(found["pg_ctl"]), "-D", str(data), "-m", "immediate", "stop")
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def postgresql(server: str) -> str:
    """The address of an empty database of its own."""
    import psycopg

    name = f"ledger_{uuid.uuid4().hex[:12]}"
    folder = server.partition("host=")[2]
    with psycopg.connect(host=folder, user="forecast", dbname="postgres", autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return server.format(name)


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where a ledger may be, of either kind."""
    return str(tmp_path / "ledger.db") if request.param == "sqlite" else request.getfixturevalue("postgresql")
