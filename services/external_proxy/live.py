"""Live: holds the current configuration. It is stored in the queue Redis for all replicas. Each replica reads it every
few seconds, and keeps the last valid configuration while Redis is down or holds an invalid one."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
from pydantic import ValidationError
from redis.asyncio import Redis
from redis.exceptions import RedisError

from holdfast.services.external_proxy.change import Change, following
from holdfast.services.external_proxy.config import Config
from holdfast.shared.errors import ConfigUnavailable, PreconditionFailed
from holdfast.shared.http.etag import Conditions, etag, tag
from holdfast.shared.queue.names import PROXY_CONFIG, PROXY_CONFIG_CHANGES
from holdfast.shared.resilience.failure_reporter import FailureReporter
from holdfast.shared.telemetry import logs, metrics
from holdfast.shared.telemetry.logs import Action

_KEYS = (PROXY_CONFIG, PROXY_CONFIG_CHANGES)
_AUDIT_KEPT = 100
_ATTEMPTS = 5
_SCRIPT = (Path(__file__).parent / "change.lua").read_text()


class Live:
    """The current configuration, `config`. `apply` is called with each new one."""

    def __init__(self, redis: Redis, settings: Config, apply: Callable[[Config], None], *, poll_s: float) -> None:
        self.config = settings
        self.change: Change | None = None
        #: Whether Redis answered the last read.
        self.store_answers = True
        self._redis = redis
        self._put = redis.register_script(_SCRIPT)
        self._settings = settings
        self._apply = apply
        self._poll_s = poll_s
        self._reporter, self._putting = FailureReporter("config"), FailureReporter("config_change")
        #: Reading and changing exclude each other: a slow read must not undo a later change.
        self._exclusive = asyncio.Lock()
        self._found: bytes | str = b""
        self._refused: bytes | str | None = None

    @property
    def version(self) -> int:
        """The version of the last change; 0 if there was none."""
        return 0 if self.change is None else self.change.version

    async def run(self) -> None:
        """Read changes every `poll_s` seconds, and when a change ends, until cancelled."""
        while True:
            await self.look()
            until = self.change.until if self.change else None
            left_s = until - time.time() if until is not None else 0.0
            await asyncio.sleep(min(self._poll_s, left_s) if left_s > 0 else self._poll_s)

    async def look(self) -> None:
        """Adopt the change that is in Redis, if it is valid. Never raises."""
        async with self._exclusive:
            await self._look()

    async def _look(self) -> None:
        try:
            with self._reporter:
                value, found = await self._found_there()
            self.store_answers = True
        except (RedisError, OSError):
            self.store_answers = False
        else:
            self._found = value or b""
            if found is not None and found.version >= self.version:  # an older one is replaced at the next read
                self.change = found
        self._settle()

    async def _found_there(self) -> tuple[bytes | str | None, Change | None]:
        """Return the value in Redis, and the change that it holds, after putting our own there if that is newer."""
        value = await self._redis.get(PROXY_CONFIG)
        found = self._read(value)
        ours = self.change
        if ours is not None and (value is None or (found is not None and found.version < ours.version)):
            # Redis has lost data, or another replica has restored an older change: ours is newer.
            await self._put(keys=_KEYS, args=[value or b"", ours.model_dump_json(), b"", 0])
            value = await self._redis.get(PROXY_CONFIG)
            found = self._read(value)
        return value, found

    async def put(
        self, config: Config | None, *, for_s: float | None, expected: Conditions, actor: str, reason: str
    ) -> None:
        """Change to `config` (None: that of the settings), for `for_s` seconds or for good. `expected`: the conditions
        on the current version. Raises PreconditionFailed or ConfigUnavailable."""
        async with self._exclusive:
            for _ in range(_ATTEMPTS):  # if another change comes in between, a change without conditions follows it
                if await self._put_in_place(config, for_s, expected, actor, reason):
                    return
        raise _conflict(self.version)

    async def _put_in_place(
        self, config: Config | None, for_s: float | None, expected: Conditions, actor: str, reason: str
    ) -> bool:
        """Try to store the change. Return False if another change came in between."""
        await self._look()
        if not self.store_answers:
            raise ConfigUnavailable
        if failing := expected.failing(tag(etag(self.version))):
            raise _conflict(self.version, failing)
        change = following(self.change, config, for_s=for_s, actor=actor, reason=reason, now=time.time())
        entry = orjson.dumps(
            change.model_dump(exclude={"config", "then"})
            | {
                "before": self.config.model_dump(),
                "after": (config or self._settings).model_dump(),
            }
        )
        try:
            with self._putting:
                taken = await self._put(
                    keys=_KEYS,
                    args=[self._found, change.model_dump_json(), entry, _AUDIT_KEPT],
                )
        except (RedisError, OSError) as error:
            raise ConfigUnavailable from error
        if taken:
            self.change = change
            self._settle()
        return bool(taken)

    async def audit(self) -> list[dict[str, Any]]:
        """Return the recorded changes, newest first. Raises ConfigUnavailable."""
        try:
            with self._putting:
                return [orjson.loads(entry) for entry in await self._redis.lrange(PROXY_CONFIG_CHANGES, 0, -1)]
        except (RedisError, OSError, ValueError) as error:
            raise ConfigUnavailable from error

    def _read(self, value: bytes | str | None) -> Change | None:
        """Return the change in `value`, or None if there is none or it is invalid. An invalid one is logged once."""
        if value is None:
            return None
        try:
            return Change.model_validate_json(value)
        except ValidationError as error:
            if value != self._refused:
                self._refused = value
                metrics.external_config_refused.inc()
                logs.error(Action.CONFIG_REFUSED, problems=error.error_count(), kept_version=self.version)
            return None

    def _settle(self) -> None:
        """Apply the current change, or its end."""
        change = self.change
        config = (change.in_force(time.time()) if change else None) or self._settings
        metrics.external_config_version.set(self.version)
        if config == self.config:
            return
        self.config = config
        self._apply(config)
        if change is not None:
            over = change.over(time.time())
            logs.warning(
                Action.CONFIG_CHANGED,
                version=change.version,
                actor="the time limit" if over else change.actor,
                reason=change.reason,
                until=change.until,
            )


def _conflict(version: int, field: str | None = None) -> PreconditionFailed:
    return PreconditionFailed(
        "The configuration has another version than the request expects; nothing was changed.",
        field=field,
        current=etag(version),
    )
