"""`python -m deploy.compose.draw [FOLDER]`: generate every secret of the system in containers, once. Each folder below
is a volume that only the containers that need it mount, so its files need no owners of their own.

Existing secrets stay, so that you can put secrets of your own there before the first start. Files made from them follow
the secrets and the build: a new build brings new rights.
"""

import hashlib
import json
import os
import re
import secrets
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from deploy.compose import nodes
from deploy.privileges import database, redis
from deploy.privileges.redis import Place
from deploy.privileges.services import SERVICES
from holdfast.shared.http.keys import parse
from holdfast.shared.runtime import files

FOLDER = Path("/run/holdfast")

#: Each file is in a volume that only its readers mount, whatever their users are.
_MODE = 0o444
#: Clients of the database may come from any address of its network.
_HOST = "%"
_AT_DATABASE, _AT_REDIS = "passwords/database_{}", "passwords/redis_{}"
_KEYS = "keys/api_keys"
#: The holders of generated keys: name, scopes, and the file of the token.
_TOKENS = (("operator", "admin", "operator/token"), ("alertmanager", "announce", "alertmanager/alertmanager_token"))
_PORTS: Mapping[Place, int] = {"queue": 6379, "cache": 6379}
#: Secrets in files without quotes: the login of the database's exporter, and what a Redis node and a Sentinel write
#: again themselves. A Sentinel writes a quoted password without its quotes, and does not start with it afterwards.
_UNQUOTED = (
    _AT_DATABASE.format(database.WATCHER),
    *(_AT_REDIS.format(name) for name in (redis.REPLICA, redis.SENTINEL)),
    "redis/sentinel_password",
    "mysql/recovery_password",
)
_NEEDS_QUOTES = re.compile(r"""[\s#;'"`\\]""")


def draw(folder: Path) -> list[str]:
    """Generate the missing secrets, bring the files made from them up to date, and return the names of the files that
    were written."""
    drawn = _drawn(folder)
    new = [name for name in drawn if not (folder / name).exists()]
    tokens = [token for *_, token in _TOKENS if token in new]
    written = [name for name in new if name not in tokens and _created(folder / name, f"{drawn[name]}\n")]
    # The keys are replaced before their tokens exist: after a failure in between, the next start replaces both again.
    made = [(_KEYS, _keys(folder / _KEYS, drawn, tokens)), *((name, f"{drawn[name]}\n") for name in tokens)]
    written += [name for name, text in (*made, *_made(drawn)) if _updated(folder / name, text)]
    # Alertmanager's configuration is mounted here, and a file in a read-only volume must exist beforehand.
    begun = [name for name in ("alertmanager/alertmanager.yml",) if _created(folder / name, "")]
    return [*written, *begun]


def _drawn(folder: Path) -> dict[str, str]:
    """Return every secret by its file: the one that is there, or a new one. Raises ValueError for one of your own that
    cannot be used."""

    def secret(name: str) -> str:
        path = folder / name
        text = path.read_text().strip() if path.exists() else secrets.token_urlsafe(24)
        if not text:
            raise ValueError(f"{name} is empty")
        if name in _UNQUOTED and _NEEDS_QUOTES.search(text):
            raise ValueError(f"{name} has white space, a quote, a backslash, # or ;, which its files cannot have")
        return text

    return {
        name: secret(name)
        for name in (
            *map(_AT_DATABASE.format, database.with_users()),
            *map(_AT_REDIS.format, redis.NAMES),
            "mysql/root_password",
            "mysql/recovery_password",
            "redis/sentinel_password",
            "sessions/secret",
            "idempotency/secret",
            "grafana/admin_password",
            "operator/token",
            "alertmanager/alertmanager_token",
        )
    }


def _keys(path: Path, drawn: Mapping[str, str], new: Sequence[str]) -> str:
    """Return the keys file, with the keys that people have added or revoked. A new token replaces the earlier one."""
    lines = path.read_text().splitlines() if path.exists() else []
    for name, scopes, token in _TOKENS:
        if token in new or not path.exists():
            lines = [line for line in lines if line.split(" ")[0] != name]
            lines.append(f"{name} {scopes} {_digest(drawn[token])}")
    return "\n".join([*lines, ""])


def _made(drawn: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return the files made from the secrets."""
    of_database = {name: drawn[_AT_DATABASE.format(name)] for name in database.with_users()}
    of_redis = {name: drawn[_AT_REDIS.format(name)] for name in redis.NAMES}
    return [
        *((f"stores-{name}/dsn", _dsn(name, of_database[name])) for name in of_database if name != database.WATCHER),
        *(
            (f"stores-{name}/{place}", f"redis://{name}:{nodes.quoted(of_redis[name])}@{place}:{port}\n")
            for name in SERVICES
            for place, port in _PORTS.items()
        ),
        *((f"redis/{place}.acl", redis.acl(of_redis, place)) for place in _PORTS),
        *((f"redis/{name}", f"{of_redis[name]}\n") for name in (redis.WATCHER, redis.OPERATOR)),
        ("exporter/redis.json", _watching(_PORTS, of_redis)),
        ("exporter/my.cnf", _my_cnf(of_database)),
        ("mysql/watcher_password", f"{of_database[database.WATCHER]}\n"),
        # The server runs this when it makes its data folder. The rights on tables come with the migrations.
        ("mysql-init/users.sql", "".join(f"{each};\n" for each in (*database.users(of_database, _HOST), *_members()))),
        *_of_nodes(of_database, of_redis, drawn["redis/sentinel_password"]),
    ]


def _of_nodes(of_database: Mapping[str, str], of_redis: Mapping[str, str], sentinels: str) -> Iterator[tuple[str, str]]:
    """Return what deploy/compose/ha.yml needs in addition. `sentinels`: their own password."""
    for name, text in nodes.configurations(of_redis, sentinels):
        yield f"redis/{name}.conf", text
    yield "exporter/nodes.json", _watching(nodes.ADDRESSES, of_redis)
    for host in list(nodes.GROUP)[1:]:
        yield f"exporter/{host}.cnf", _my_cnf(of_database, host)
    for name, password in of_database.items():
        if name != database.WATCHER:
            yield f"stores-{name}/dsn-nodes", _dsn(name, password, list(nodes.GROUP))
    for service in SERVICES:
        yield f"stores-{service}/queue-nodes", nodes.address(service, of_redis[service], sentinels)


def _watching(places: Iterable[str], of_redis: Mapping[str, str]) -> str:
    """Return the exporters' logins, both with and without the user, because an exporter's version decides which form it
    reads."""
    addresses = [f"redis://{user}{place}:6379" for place in places for user in ("", f"{redis.WATCHER}@")]
    return json.dumps(dict.fromkeys(addresses, of_redis[redis.WATCHER])) + "\n"


def _my_cnf(of_database: Mapping[str, str], host: str = "mysql") -> str:
    """Return the login of the exporter of a database server."""
    watcher = database.user(database.WATCHER, _HOST).name
    return f"[client]\nuser={watcher}\npassword={of_database[database.WATCHER]}\nhost={host}\nport=3306\n"


def _dsn(service: str, password: str, hosts: Sequence[str] = ("mysql",)) -> str:
    where = ",".join(f"{host}:3306" for host in hosts)
    return f"mysql://{database.user(service, _HOST).name}:{nodes.quoted(password)}@{where}/{database.SCHEMA}\n"


def _members() -> list[str]:
    """Return the rights by which a service sees whether its server is a member of the group."""
    table = "performance_schema.replication_group_members"
    return [f"GRANT SELECT ON {table} TO {database.user(name, _HOST)}" for name in database.with_users()]


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _created(path: Path, text: str) -> bool:
    """Write a file unless it exists, and return whether it was missing. The write is atomic, so that after a crash no
    reader finds half a secret."""
    return not path.exists() and files.create(path, text, mode=_MODE)


def _updated(path: Path, text: str) -> bool:
    """Write a file, atomically, unless it has this text. Return whether it was written."""
    if path.exists() and path.read_text() == text:
        return False
    files.replace(path, text, mode=_MODE)
    return True


def main(arguments: list[str]) -> int:
    """Generate the secrets, and return exit code 1 if a folder is missing or the keys are not as they should be."""
    folder = Path(arguments[0]) if arguments else FOLDER
    os.umask(0o022)
    try:
        drawn = draw(folder)
        parse((folder / _KEYS).read_text())
    except (OSError, ValueError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(f"Drawn: {', '.join(drawn)}\n" if drawn else "Everything exists already.\n")
    sys.stdout.write("The operator's key:  docker compose run --rm secrets cat /run/holdfast/operator/token\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
