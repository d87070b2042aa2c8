"""The database server of the local stack, with a data folder, a port and one user per service of its own. A highly
available stack has a Galera cluster of three nodes (deploy/local/galera.py)."""

import getpass
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from deploy.local.nodes import Node, data_folder, stores
from deploy.local.output import Problem, echo
from deploy.local.packages import find
from deploy.local.places import REPO, SECRETS, VENV_PYTHON, socket_path, write_private
from deploy.local.progress import during
from deploy.local.secret import secret
from deploy.local.settings import StackSettings
from deploy.migrations import WARNING
from deploy.privileges.database import MIGRATE, SCHEMA, user, users, with_users

NAME = SCHEMA
_HOST = "127.0.0.1"
_CONFIG = REPO / "deploy" / "mariadb" / "mariadb.cnf"
#: The statements that make the users. The server runs them at its start; in a cluster, the node that begins it does.
USERS = SECRETS / "database.sql"


def login(service: str) -> tuple[str, str]:
    """Return the name and password of a service's user."""
    return user(service, _HOST).name, secret(f"db_{service}_password")


def dsn(service: str, settings: StackSettings) -> str:
    """Return a service's DSN, which leads to the first of these nodes that takes writes."""
    hosts = ",".join(f"{_HOST}:{node.port}" for node in stores(settings, "database"))
    return f"mysql://{':'.join(login(service))}@{hosts}/{NAME}"


def socket(node: str = "mariadb") -> str:
    """Return the socket over which this user's client logs in without a password: `mariadb --socket=...`."""
    return str(socket_path(f"{node}.sock"))


def command(settings: StackSettings, node: Node) -> tuple[str, ...]:
    """Return the command of the server in the foreground."""
    if settings.ha:
        return (str(VENV_PYTHON), "-m", "deploy.local.galera", node.name)
    return (*server(settings, node), f"--init-file={USERS}")


def server(settings: StackSettings, node: Node) -> tuple[str, ...]:
    """Return the command of a node's server, without what it does at its start."""
    data = data_folder(settings) / node.name
    return (
        find("mariadbd"),
        f"--defaults-file={_CONFIG}",  # must be first; /etc/mysql is then not read
        f"--datadir={data}",
        f"--port={node.port}",
        f"--socket={socket(node.name)}",
        f"--tmpdir={_tmp(settings, node)}",  # every server empties a shared folder at its start
        f"--pid-file={data}/mariadbd.pid",
        *_as_root(),
    )


def _tmp(settings: StackSettings, node: Node) -> Path:
    return data_folder(settings) / f"{node.name}.tmp"


def prepare(settings: StackSettings) -> None:
    """Make missing data folders, and the statements that make the users. The first node of a cluster begins it, and the
    others copy its data."""
    statements = [
        f"CREATE DATABASE IF NOT EXISTS {NAME} CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
        # Removes the single user with all rights that earlier releases had.
        f"DROP USER IF EXISTS 'holdfast'@'{_HOST}'",
        *users({name: login(name)[1] for name in with_users()}, _HOST),
    ]
    write_private(USERS, "".join(f"{statement};\n" for statement in statements))
    nodes = stores(settings, "database")
    data = [data_folder(settings) / node.name for node in nodes]
    for node in nodes:
        _tmp(settings, node).mkdir(mode=0o700, parents=True, exist_ok=True)
    if not any(folder.exists() for folder in data):
        _make_data_folder(data[0], _tmp(settings, nodes[0]))
    for folder in data:
        folder.mkdir(mode=0o700, exist_ok=True)


def migrate(settings: StackSettings) -> None:
    """Bring the schema, and the services' rights, to the newest revision. Raises Problem with Alembic's output."""
    alembic = [str(VENV_PYTHON), "-m", "alembic", "-c", "deploy/migrations/alembic.ini", "upgrade", "head"]
    env = os.environ | settings.domain_env() | {"DB_DSN": dsn(MIGRATE, settings)}
    done = subprocess.run(alembic, cwd=REPO, env=env, capture_output=True, text=True, timeout=300, check=False)
    if done.returncode:
        raise Problem(f"the migrations failed:\n{(done.stdout + done.stderr)[-4000:]}")
    for line in done.stderr.splitlines():
        if line.startswith(WARNING):
            echo(line)


def check_tables(settings: StackSettings) -> None:
    """Raise Problem if the tables do not fit these settings' resources. Called before any running process is
    stopped."""
    env = os.environ | settings.domain_env() | {"DB_DSN": dsn(MIGRATE, settings)}
    check = [str(VENV_PYTHON), "-m", "holdfast.migrations", "check"]
    done = subprocess.run(check, cwd=REPO, env=env, capture_output=True, text=True, timeout=60, check=False)
    if done.returncode:
        raise Problem(f"the migrations would fail, so nothing is restarted:\n{(done.stdout + done.stderr)[-4000:]}")


def check_declaration(settings: StackSettings) -> None:
    """Raise Problem if these settings' resources cannot be served. Called before any running process is stopped."""
    if settings.domain:
        declared = [str(VENV_PYTHON), "-m", "holdfast.shared.domain"]
        env = os.environ | settings.domain_env()
        done = subprocess.run(declared, cwd=REPO, env=env, capture_output=True, text=True, timeout=60, check=False)
        if done.returncode:
            raise Problem(f"HOLDFAST_DOMAIN={settings.domain} cannot be served: {done.stderr.strip()[-2000:]}")


def _make_data_folder(data: Path, tmp: Path) -> None:
    """Make the data folder under another name first, so that an interrupted attempt is not taken for a data folder."""
    fresh = data.with_name(data.name + ".new")
    shutil.rmtree(fresh, ignore_errors=True)
    echo("Making the database's data folder")
    with tempfile.TemporaryDirectory(prefix="holdfast-") as folder:
        # mariadb-install-db is a shell script that fails on a space in a path, so it gets another path.
        repo = Path(folder) / "repo"
        repo.symlink_to(REPO)
        _install_db(*(repo / each.relative_to(REPO) for each in (fresh, tmp, _CONFIG)))
    fresh.rename(data)


def _install_db(data: Path, tmp: Path, config: Path) -> None:
    install = [
        find("mariadb-install-db"),
        f"--defaults-file={config}",
        f"--datadir={data}",
        f"--tmpdir={tmp}",
        "--skip-test-db",
        "--skip-name-resolve",
        # The superuser logs in through the socket, and only as this user: there is no password that could be empty.
        "--auth-root-authentication-method=socket",
        f"--auth-root-socket-user={getpass.getuser()}",
        *_as_root(),
    ]
    with during("making it"):
        done = subprocess.run(install, capture_output=True, text=True, timeout=300, check=False)
    if done.returncode:
        raise Problem(f"mariadb-install-db failed:\n{(done.stdout + done.stderr)[-4000:]}")


def _as_root() -> list[str]:
    """Return the option that MariaDB requires to run as root."""
    return ["--user=root"] if os.geteuid() == 0 else []
