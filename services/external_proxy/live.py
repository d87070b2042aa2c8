"""Live: the configuration in force. It is kept in the queue Redis, so that all replicas have the same; each of them
looks there every few seconds, and goes on with the last good one when Redis is away or holds nonsense."""

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
from holdfast.shared.resilience.failure_reporter import FailureReporter
from holdfast.shared.telemetry import logs, metrics
from holdfast.shared.telemetry.logs import Action

_KEY = "{holdfast}:external_proxy:config"
_AUDIT_KEY = "{holdfast}:external_proxy:config:audit"
_AUDIT_KEPT = 100
_TRIES = 5
_SCRIPT = (Path(__file__).parent / "change.lua").read_text()


class Live:
    """`config` is what counts now. `apply` is told each time it becomes another."""

    def __init__(self, redis: Redis, settings: Config, apply: Callable[[Config], None], *, poll_s: float) -> None:
        self.config = settings
        self.change: Change | None = None
        #: Whether Redis answered when it was last asked.
        self.store_answers = True
        self._redis = redis
        self._put = redis.register_script(_SCRIPT)
        self._settings = settings
        self._apply = apply
        self._poll_s = poll_s
        self._reporter, self._putting = FailureReporter("config"), FailureReporter("config_change")
        #: A late look at what was there before a change must not undo it.
        self._one_by_one = asyncio.Lock()
        self._found: bytes | str = b""
        self._refused: bytes | str | None = None

    @property
    def version(self) -> int:
        """Of the last change; 0: there was none."""
        return 0 if self.change is None else self.change.version

    async def run(self) -> None:
        """Look for changes, for ever."""
        while True:
            await self.look()
            until = self.change.until if self.change else None
            left_s = until - time.time() if until is not None else 0.0
            await asyncio.sleep(min(self._poll_s, left_s) if left_s > 0 else self._poll_s)

    async def look(self) -> None:
        """Take what is in Redis, if it makes sense. Never raises."""
        async with self._one_by_one:
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
            if found is not None and found.version >= self.version:  # an older one is put right at the next look
                self.change = found
        self._settle()

    async def _found_there(self) -> tuple[bytes | str | None, Change | None]:
        """What is in Redis, and what that means."""
        value = await self._redis.get(_KEY)
        found = self._read(value)
        ours = self.change
        if ours is not None and (value is None or (found is not None and found.version < ours.version)):
            # Redis has forgotten, or another replica has told it what was before; we know better.
            await self._put(keys=[_KEY, _AUDIT_KEY], args=[value or b"", ours.model_dump_json(), b"", 0])
            value = await self._redis.get(_KEY)
            found = self._read(value)
        return value, found

    async def put(
        self, config: Config | None, *, for_s: float | None, expected: Conditions, actor: str, reason: str
    ) -> None:
        """Put `config` (None: the settings') in place, for `for_s` seconds or for good. `expected`: of
        the version that it follows. Raises PreconditionFailed or ConfigUnavailable."""
        async with self._one_by_one:
            for _ in range(_TRIES):  # whoever names no version follows whatever comes in between
                if await self._put_in_place(config, for_s, expected, actor, reason):
                    return
        raise _conflict(self.version)

    async def _put_in_place(
        self, config: Config | None, for_s: float | None, expected: Conditions, actor: str, reason: str
    ) -> bool:
        """False: something else came in between."""
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
                    keys=[_KEY, _AUDIT_KEY], args=[self._found, change.model_dump_json(), entry, _AUDIT_KEPT]
                )
        except (RedisError, OSError) as error:
            raise ConfigUnavailable from error
        if taken:
            self.change = change
            self._settle()
        return bool(taken)

    async def audit(self) -> list[dict[str, Any]]:
        """Changes, newest first. Raises ConfigUnavailable."""
        try:
            with self._putting:
                return [orjson.loads(entry) for entry in await self._redis.lrange(_AUDIT_KEY, 0, -1)]
        except (RedisError, OSError, ValueError) as error:
            raise ConfigUnavailable from error

    def _read(self, value: bytes | str | None) -> Change | None:
        """None for nothing, and for nonsense, which is told once."""
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
        """Let the change in place, or its end, take effect."""
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
        "The configuration is at another version than was asked for; nothing was changed.",
        details={"field": field, "current_version": version},
    )
