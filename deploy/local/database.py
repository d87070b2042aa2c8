"""The database server of the local stack: own data folder, own port, one user for each service."""

import getpass
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from deploy.local.output import Problem, echo
from deploy.local.packages import find
from deploy.local.places import LOCAL, REPO, SECRETS, VENV_PYTHON, socket_path, write_private
from deploy.local.progress import during
from deploy.local.secret import secret
from deploy.migrations import WARNING
from deploy.privileges.database import MIGRATE, SCHEMA, user, users, with_users

NAME = SCHEMA
_HOST = "127.0.0.1"
_CONFIG = REPO / "deploy" / "mariadb" / "mariadb.cnf"
_DATA = LOCAL / "mariadb"
_TMP = LOCAL / "mariadb.tmp"
_INIT = SECRETS / "database.sql"


def login(service: str) -> tuple[str, str]:
    """Name and password of a service's user."""
    return user(service, _HOST).name, secret(f"db_{service}_password")


def dsn(service: str, port: int) -> str:
    """What it connects with."""
    return f"mysql://{':'.join(login(service))}@{_HOST}:{port}/{NAME}"


def socket() -> str:
    """Where this user's client logs in without a password: `mariadb --socket=...`."""
    return str(socket_path("mariadb.sock"))


def command(port: int) -> tuple[str, ...]:
    """The server, in the foreground."""
    return (
        find("mariadbd"),
        f"--defaults-file={_CONFIG}",  # must be first; /etc/mysql is then not read
        f"--datadir={_DATA}",
        f"--port={port}",
        f"--socket={socket()}",
        f"--tmpdir={_TMP}",  # every starting server empties a shared one
        f"--pid-file={_DATA}/mariadbd.pid",
        f"--init-file={_INIT}",
        *_as_root(),
    )


def prepare() -> None:
    """Make the data folder if there is none, and the statements that the server runs at every start."""
    statements = [
        f"CREATE DATABASE IF NOT EXISTS {NAME} CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
        # Of earlier releases: one user with all rights for all services.
        f"DROP USER IF EXISTS 'holdfast'@'{_HOST}'",
        *users({name: login(name)[1] for name in with_users()}, _HOST),
    ]
    write_private(_INIT, "".join(f"{statement};\n" for statement in statements))
    _TMP.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not _DATA.exists():
        _make_data_folder()


def migrate(port: int) -> None:
    """Bring the schema, and the services' rights, to the newest revision. Raises Problem with Alembic's output."""
    alembic = [str(VENV_PYTHON), "-m", "alembic", "-c", "deploy/migrations/alembic.ini", "upgrade", "head"]
    env = os.environ | {"DB_DSN": dsn(MIGRATE, port)}
    done = subprocess.run(alembic, cwd=REPO, env=env, capture_output=True, text=True, timeout=300, check=False)
    if done.returncode:
        raise Problem(f"the migrations failed:\n{(done.stdout + done.stderr)[-4000:]}")
    for line in done.stderr.splitlines():
        if line.startswith(WARNING):
            echo(line)


def _make_data_folder() -> None:
    """Elsewhere first, so that an interrupted attempt is not taken for a data folder."""
    fresh = _DATA.with_name(_DATA.name + ".new")
    shutil.rmtree(fresh, ignore_errors=True)
    echo("Making the database's data folder")
    with tempfile.TemporaryDirectory(prefix="holdfast-") as folder:
        # mariadb-install-db is a shell script that cannot do with a space in a path: show it another one.
        repo = Path(folder) / "repo"
        repo.symlink_to(REPO)
        _install_db(*(repo / each.relative_to(REPO) for each in (fresh, _TMP, _CONFIG)))
    fresh.rename(_DATA)


def _install_db(data: Path, tmp: Path, config: Path) -> None:
    install = [
        find("mariadb-install-db"),
        f"--defaults-file={config}",
        f"--datadir={data}",
        f"--tmpdir={tmp}",
        "--skip-test-db",
        "--skip-name-resolve",
        # The superuser logs in through the socket, as this user only: there is no password that could be empty.
        "--auth-root-authentication-method=socket",
        f"--auth-root-socket-user={getpass.getuser()}",
        *_as_root(),
    ]
    with during("making it"):
        done = subprocess.run(install, capture_output=True, text=True, timeout=300, check=False)
    if done.returncode:
        raise Problem(f"mariadb-install-db failed:\n{(done.stdout + done.stderr)[-4000:]}")


def _as_root() -> list[str]:
    """MariaDB runs as root only when asked to."""
    return ["--user=root"] if os.geteuid() == 0 else []
