"""The stage: every process of the system, each of which can be killed and started again."""

import random
from pathlib import Path

from tests.conftest import migrate
from tests.crash import half_done
from tests.processes import QUICK, Service, api, writer
from tests.servers import Database, RedisServer

APIS, WRITERS = 2, 3
#: Writers that may die between commit and acknowledge, and after which share of their batches.
HALF_DONE_WRITERS, HALF_DONE_SHARE = 2, 0.03

Target = RedisServer | Database | Service


class Stage:
    """Started whole; `targets` are what the nemesis may kill, by kind."""

    def __init__(self, folder: Path) -> None:
        self._half_done_log = folder / "half-done"
        self._calm = folder / half_done.CALM
        self.queue = RedisServer(self._made(folder / "queue"))
        self.cache = RedisServer(self._made(folder / "cache"))
        self.database = Database(self._made(folder / "database"))
        at = (folder, self.queue.address, self.database.dsn)
        dying = {half_done.SHARE: str(HALF_DONE_SHARE), half_done.LOG: str(self._half_done_log)}
        self.apis = [
            api(*at, HOLDFAST_INSTANCE=f"api-{number}", HOLDFAST_CACHE_REDIS_ADDR=self.cache.address)
            for number in range(APIS)
        ]
        self.writers = [
            writer(*at, f"writer-{number}", "tests.crash.half_done", **QUICK, **dying)
            if number < HALF_DONE_WRITERS
            else writer(*at, f"writer-{number}", **QUICK)
            for number in range(WRITERS)
        ]

    @property
    def targets(self) -> dict[str, list[Target]]:
        """Everything that runs, by kind."""
        return {
            "writer": [*self.writers],
            "api": [*self.apis],
            "queue Redis": [self.queue],
            "cache Redis": [self.cache],
            "database": [self.database],
        }

    def start(self) -> None:
        """All of it, in order; returns when it answers."""
        for server in (self.queue, self.cache, self.database):
            server.start()
        migrate(self.database.dsn)
        for service in (*self.apis, *self.writers):
            service.start(wait=False)
        for service in self.apis:
            service.wait_until_alive()

    def heal(self) -> None:
        """Start what is down, and let nobody die any more."""
        self._calm.touch()
        for targets in self.targets.values():
            for target in targets:
                if not target.running:
                    target.start()

    def end(self) -> None:
        """kill -9 of all of it."""
        for targets in reversed(self.targets.values()):
            for target in targets:
                target.kill()

    def half_done(self) -> list[int]:
        """For each death between commit and acknowledge: how many writes it left committed and pending."""
        log = self._half_done_log
        return [int(line) for line in log.read_text().splitlines()] if log.exists() else []

    def an_api(self) -> str:
        """Base URL of any api, whether it lives or not."""
        return random.choice(self.apis).url

    @staticmethod
    def _made(folder: Path) -> Path:
        folder.mkdir()
        return folder
