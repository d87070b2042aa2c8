"""Durability: whether the current settings of each store keep what the store acknowledges, and whether the queue can
still rewrite its append-only file. What a store does not report is unknown and raises no alert.

| store    | setting                          | must be      | how it is read                            |
|----------|----------------------------------|--------------|-------------------------------------------|
| queue    | `appendonly`                     | `yes`        | `INFO`                                    |
| queue    | `appendfsync`                    | `always`     | a write is on disk at once (`WAITAOF`)    |
| queue    | `maxmemory-policy`               | `noeviction` | `INFO`                                    |
| database | `innodb_flush_log_at_trx_commit` | `1`          | the variable                              |

Redis' `CONFIG GET` also returns passwords, so no service may use it (ADR 0067).
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from redis.asyncio import Redis
from redis.exceptions import ResponseError

from holdfast.services.dlq_admin.auditor.probe import Probe
from holdfast.services.dlq_admin.database import Database
from holdfast.shared.queue.asking import ask_each
from holdfast.shared.queue.partitions import Partition, Partitions
from holdfast.shared.store.durable import FLUSHED, is_flushed
from holdfast.shared.telemetry import logs, metrics
from holdfast.shared.telemetry.logs import Action

_EVERY_S = 15.0
_LIMIT_S = 10.0
#: Timeout of `WAITAOF` (Redis 7.2). A server that syncs before it answers is done at once; one that syncs every second
#: hardly ever is.
_AT_ONCE_MS = 1
_KEPT_S = 60

#: Setting -> whether it keeps what is acknowledged.
Seen = Mapping[str, bool]


class _Looked(NamedTuple):
    """What one partition's server reports. `unrewritten_bytes`: the size of its append-only file while the last rewrite
    has failed, else 0."""

    settings: Seen
    unrewritten_bytes: int


class Durability:
    """Checks the settings of both stores. `probes` are for the auditor."""

    def __init__(self, redis: Redis, database: Database, partitions: Partitions) -> None:
        self._redis = redis
        self._database = database
        self._partitions = partitions
        self._reduced: dict[str, set[str]] = {}
        self.probes = (
            Probe("queue_settings", self._queue, every_s=_EVERY_S, limit_s=_LIMIT_S),
            Probe("database_settings", self._commits, every_s=_EVERY_S, limit_s=_LIMIT_S),
        )

    async def _queue(self) -> None:
        looked = (await ask_each(self._partitions, self._of)).complete().values()
        metrics.queue_unrewritten.set(max(one.unrewritten_bytes for one in looked))
        seen = [one.settings for one in looked]
        settings = {setting for one in seen for setting in one}
        self._export("queue", {setting: all(one.get(setting, True) for one in seen) for setting in settings})

    async def _of(self, partition: Partition) -> _Looked:
        pipeline = self._redis.pipeline(transaction=False)
        pipeline.set(partition.on_disk, 1, ex=_KEPT_S)
        pipeline.execute_command("WAITAOF", 1, 0, _AT_ONCE_MS)
        pipeline.info("persistence")
        pipeline.info("memory")
        written, on_disk, persistence, memory = map(_known, await pipeline.execute(raise_on_error=False))
        settings = {
            **({"appendonly": bool(persistence["aof_enabled"])} if "aof_enabled" in persistence else {}),
            **({"appendfsync": on_disk[0] > 0} if written and on_disk else {}),
            **({"maxmemory-policy": policy == "noeviction"} if (policy := memory.get("maxmemory_policy")) else {}),
        }
        failed = persistence.get("aof_last_bgrewrite_status") == "err"
        return _Looked(settings, int(persistence.get("aof_current_size", 0)) if failed else 0)

    async def _commits(self) -> None:
        self._export("database", {FLUSHED: await self._database.audit(is_flushed)})

    def _export(self, store: str, seen: Seen) -> None:
        for setting, kept in seen.items():
            metrics.durability_reduced.labels(store, setting).set(not kept)
        reduced = {setting for setting, kept in seen.items() if not kept}
        if reduced != self._reduced.get(store, set()):
            say = logs.error if reduced else logs.info
            say(Action.DURABILITY_MOVED, store=store, reduced_by=sorted(reduced))
        self._reduced[store] = reduced


def _known(reply: Any) -> Any:
    """Return the reply, or an empty mapping if the server refused the command, for example because it does not know it.
    Raises any other error."""
    if isinstance(reply, ResponseError):
        return {}
    if isinstance(reply, Exception):
        raise reply
    return reply
