"""`make test-clients`: openapi-spec-validator accepts each service's document; generators make clients from it in
Python and TypeScript; their types are checked, and each of the two writes a user to a real api and reads it.

    python -m tests.clients [python] [typescript]
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deploy.local.output import echo
from deploy.local.places import REPO
from tests import apps, keys, processes
from tests.conftest import migrate
from tests.servers import Database, RedisServer

_HERE = Path(__file__).parent
_BIN = REPO / ".venv-clients" / "bin"
_STEP_LIMIT_S = 300


def run(folder: Path, *command: str | Path) -> None:
    """Run a command to its end. Raises CalledProcessError."""
    environment = os.environ | {"PATH": f"{_BIN}:{os.environ['PATH']}", "PYTHONPATH": str(folder)}
    subprocess.run([str(each) for each in command], cwd=folder, env=environment, check=True, timeout=_STEP_LIMIT_S)


def write_documents(folder: Path) -> None:
    """Write `SERVICE.json` for each service, as it is served, and validate it."""
    for service in apps.SERVICES:
        (folder / f"{service}.json").write_text(json.dumps(apps.make(service, folder).openapi()))
        run(folder, _BIN / "openapi-spec-validator", f"{service}.json")


def python(folder: Path, url: str) -> None:
    """Generate a package for every service, and use that of the api."""
    for service in apps.SERVICES:
        package = "generated" if service == "api" else f"generated_{service}"
        options = ("--path", f"{service}.json", "--output-path", package, "--meta", "none")
        run(folder, _BIN / "openapi-python-client", "generate", *options)
    shutil.copy(_HERE / "call_python.py.txt", folder / "call_python.py")
    mypy = ("--follow-imports=silent", "call_python.py", "generated/api", "generated/models")
    run(folder, _BIN / "mypy", *mypy)
    run(folder, _BIN / "python", "call_python.py", url, keys.ADMIN)


def typescript(folder: Path, url: str) -> None:
    """Generate types for every service, and use those of the api."""
    for file in ("package.json", "call.ts"):
        shutil.copy(_HERE / file, folder)
    run(folder, "npm", "install", "--no-fund", "--no-audit", "--no-package-lock", "--loglevel=error")
    types = [f"{service}.ts" for service in apps.SERVICES]
    for service in apps.SERVICES:
        run(folder, "npx", "openapi-typescript", f"{service}.json", "-o", f"{service}.ts")
    options = ("--strict", "--skipLibCheck", "--target", "es2022", "--module", "nodenext")
    run(folder, "npx", "tsc", *options, "call.ts", *types)
    run(folder, "node", "call.js", url, keys.ADMIN)


@contextmanager
def _api(folder: Path) -> Iterator[str]:
    """Yield the URL of an api with a writer behind it."""
    redis, database = RedisServer(folder), Database(folder)
    services: list[processes.Service] = []
    try:
        redis.start()
        database.start()
        migrate(database.dsn)
        starters = (processes.api, processes.writer)
        services += [start(folder, redis.address, database.dsn).start() for start in starters]
        yield services[0].url
    finally:
        for service in services:
            service.kill()
        redis.kill()
        database.kill()


def main() -> None:
    """Check both languages, or those named on the command line."""
    wanted = sys.argv[1:] or ["python", "typescript"]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_documents(folder)
        with _api(folder) as url:
            for language in wanted:
                {"python": python, "typescript": typescript}[language](folder, url)
                echo(f"{language}: generated, checked and used")


if __name__ == "__main__":
    main()
