"""`python -m deploy.privileges FOLDER users [HOST]`, or `... FOLDER queue|cache|both`: print the users of your own
servers. FOLDER holds the passwords, one file each (`database_api`, `redis_api`, ...); missing ones are generated.

`users` prints SQL for the database's administrator (HOST: from where services connect, as MySQL has it).
The others print the file that Redis' `aclfile` names: of the queue, of the cache, of one server that is both.
"""

import os
import secrets
import sys
from pathlib import Path

from deploy.privileges import database, redis
from deploy.privileges.redis import Place

_PLACES: dict[str, tuple[Place, ...]] = {"queue": ("queue",), "cache": ("cache",), "both": ("queue", "cache")}


def main(arguments: list[str]) -> int:
    """Print what is asked for, and return exit code 2 if the arguments were not understood."""
    match arguments:
        case [folder, "users", *host] if len(host) < 2:
            passwords = {name: _password(Path(folder) / f"database_{name}") for name in database.with_users()}
            text = "".join(f"{statement};\n" for statement in database.users(passwords, *(host or ["%"])))
        case [folder, place] if place in _PLACES:
            text = redis.acl({name: _password(Path(folder) / f"redis_{name}") for name in redis.NAMES}, *_PLACES[place])
        case _:
            sys.stderr.write(__doc__ or "")
            return 2
    sys.stdout.write(text)
    return 0


def _password(path: Path) -> str:
    """Return a password, generated atomically and readable by its owner only. Its file ends without a line break,
    because `kubectl create secret --from-file` takes a file as it is."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secrets.token_urlsafe(24))
    return path.read_text().strip()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
