"""`python -m deploy.compose.draw [FOLDER]`: every secret of the system in containers, drawn at random once. Each folder
below is a volume that only those containers mount that need it, so what lies in it need not be told apart by user.

What is there already stays, so that secrets of your own can be laid there before the first start.
"""

import hashlib
import os
import secrets
import sys
from pathlib import Path

from shared.http.keys import parse

FOLDER = Path("/run/holdfast")

#: Who may look at the database server's counters, and at nothing in the database.
_WATCHER = "holdfast_watcher"


def draw(folder: Path) -> list[str]:
    """The names of what was not there before."""
    return [name for name, text in _texts(folder) if _written(folder / name, text)]


def _texts(folder: Path) -> list[tuple[str, str]]:
    def secret(name: str) -> str:
        path = folder / name
        return path.read_text().strip() if path.exists() else secrets.token_urlsafe(24)

    drawn = {
        name: secret(name)
        for name in ("mysql/root_password", "mysql/password", "exporter/password", "sessions/secret",
                     "idempotency/secret", "grafana/admin_password", "operator/token",
                     "alertmanager/alertmanager_token")
    }  # fmt: skip
    database, watcher = drawn["mysql/password"], drawn["exporter/password"]
    keys = (("operator", "admin", "operator/token"), ("alertmanager", "announce", "alertmanager/alertmanager_token"))
    return [
        *((name, f"{text}\n") for name, text in drawn.items()),
        ("database/dsn", f"mysql://holdfast:{database}@mysql:3306/holdfast\n"),
        ("keys/api_keys", "".join(f"{name} {scopes} {_digest(drawn[token])}\n" for name, scopes, token in keys)),
        ("exporter/my.cnf", f"[client]\nuser={_WATCHER}\npassword={watcher}\nhost=mysql\nport=3306\n"),
        # The server carries this out when it makes its data folder.
        ("mysql-init/watcher.sql",
         f"CREATE USER IF NOT EXISTS '{_WATCHER}'@'%' IDENTIFIED BY '{watcher}' WITH MAX_USER_CONNECTIONS 3;\n"),
        # The place where its configuration is mounted: a volume that cannot be written has to have it already.
        ("alertmanager/alertmanager.yml", ""),
    ]  # fmt: skip


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _written(path: Path, text: str) -> bool:
    """Whether it was missing. Whole or not at all: who starts after a crash must not read half a secret."""
    if path.exists():
        return False
    unfinished = path.with_name(f".{path.name}")
    unfinished.write_text(text)
    unfinished.chmod(0o444)
    unfinished.rename(path)
    return True


def main(arguments: list[str]) -> int:
    """Exit code 1: a folder is missing, or the keys are not as they should be."""
    folder = Path(arguments[0]) if arguments else FOLDER
    os.umask(0o022)
    try:
        drawn = draw(folder)
        parse((folder / "keys" / "api_keys").read_text())
    except (OSError, ValueError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(f"Drawn: {', '.join(drawn)}\n" if drawn else "Everything is there already.\n")
    sys.stdout.write("The operator's key:  docker compose run --rm secrets cat /run/holdfast/operator/token\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
