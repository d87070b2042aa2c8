"""Substitutes: replaces time, randomness, threads and sockets of the standard library while a simulation runs. Each
replacement uses the clock and the generator of the running process."""

import gc
import logging
import os
import random
import secrets
import sys
import time
import uuid
from collections.abc import Callable, Collection, Hashable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from contextvars import copy_context
from functools import cache
from itertools import count
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any
from unittest.mock import patch

import anyio.to_thread
import sqlalchemy.event.attr
import sqlalchemy.pool.impl
import sqlalchemy.util.queue
import uuid_utils
from aiohttp.client_proto import ResponseHandler
from redis.asyncio.connection import AbstractConnection
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from holdfast.services.writer import heartbeat
from holdfast.shared.resilience import failure_reporter
from holdfast.shared.telemetry import decisions, logs
from tests.simulation import builds, lean, once, paces, threads
from tests.simulation.blocking import block
from tests.simulation.endpoints import NetworkedLoop
from tests.simulation.timeline import Timeline

#: Functions of the module `random` that draw from its hidden generator.
_DRAWS = (
    "betavariate", "choice", "choices", "expovariate", "gauss", "getrandbits", "normalvariate", "randbytes", "randint",
    "random", "randrange", "sample", "shuffle", "triangular", "uniform",
)  # fmt: skip
_NS = 1_000_000_000
_NOT_THEIRS = frozenset(("tests", "pytest", *sys.stdlib_module_names))
#: Modules that have been searched for functions imported by name, with the result.
_looked_at: dict[str, ModuleType] = {}
_taken_by_name: list[tuple[ModuleType, str, Any]] = []


@contextmanager
def installed(loop: NetworkedLoop, timeline: Timeline) -> Iterator[None]:
    """Use the simulation's time and randomness while the context lasts, and write logs to the timeline."""
    with ExitStack() as stack:
        drawn = [*_time(loop), *_chance(loop)]
        taken = {getattr(target, name): value for target, name, value in drawn}
        for function in _with_defaults():
            if named := {name: taken[each] for name, each in _named(function).items() if _is_one(each, taken)}:
                stack.enter_context(patch.dict(function.__kwdefaults__, named))
            given = function.__defaults__ or ()
            if any(_is_one(each, taken) for each in given):
                swapped = tuple(taken[each] if _is_one(each, taken) else each for each in given)
                stack.enter_context(patch.object(function, "__defaults__", swapped))
        for target, name, value in (
            *drawn,
            *((module, name, taken[each]) for module, name, each in _by_name(taken)),
            *_threads(loop),
            *_memory(),
            *_hashes(),
            *_kept_by_modules(),
            *lean.substitutes(),
            *once.substitutes(),
            *paces.substitutes(),
            *builds.substitutes(loop),
            *_logs(loop, timeline),
            *loop.substitutes(),
        ):
            stack.enter_context(patch.object(target, name, value, create=name == "__getattr__"))
        yield


def _time(loop: NetworkedLoop) -> Iterator[tuple[Any, str, Any]]:
    def wall() -> float:
        return loop.process.clock.wall(loop.now_s)

    monotonic = loop.time
    for name in ("monotonic", "perf_counter"):
        yield time, name, monotonic
        yield time, f"{name}_ns", lambda: int(monotonic() * _NS)
    yield time, "time", wall
    yield time, "time_ns", lambda: int(wall() * _NS)
    yield time, "sleep", block


def _chance(loop: NetworkedLoop) -> Iterator[tuple[Any, str, Any]]:
    def drawing(name: str) -> Callable[..., Any]:
        return lambda *args, **kwargs: getattr(loop.process.chance, name)(*args, **kwargs)

    def urandom(size: int) -> bytes:
        return loop.process.chance.randbytes(size)

    for name in _DRAWS:
        yield random, name, drawing(name)
    yield os, "urandom", urandom
    yield random, "_urandom", urandom  # the source of randomness of `secrets`
    yield uuid, "uuid4", lambda: uuid.UUID(bytes=urandom(16), version=4)
    yield uuid_utils, "uuid7", lambda: uuid_utils.UUID(int=_uuid7(time.time_ns() // 1_000_000, urandom(10)))
    yield secrets, "token_bytes", lambda nbytes=32: urandom(nbytes or 32)


def _by_name(functions: Collection[Any]) -> list[tuple[ModuleType, str, Any]]:
    """Yield (module, name, function) where a module imported one of these functions by name, as aiohttp does with its
    clock. The standard library, whose threads are real, and the harness are left out. Each module is searched once: a
    search touches all of a module's memory, and a forked run would have to copy it."""
    new = {of: module for of, module in list(sys.modules.items()) if _looked_at.get(of) is not module}
    _looked_at.update(new)
    _taken_by_name.extend(
        (module, name, value)
        for of, module in new.items()
        if of.partition(".")[0].lstrip("_") not in _NOT_THEIRS
        for name, value in list(vars(module).items())
        if isinstance(value, BuiltinFunctionType | MethodType | FunctionType) and value in functions
    )
    return _taken_by_name


@cache
def _with_defaults() -> list[FunctionType]:
    """Yield the functions of the services whose defaults hold a clock or a random function, which were bound when the
    function was defined."""
    found: dict[int, FunctionType] = {}
    for module in [module for name, module in sys.modules.items() if name.startswith("holdfast.")]:
        for kept in list(vars(module).values()):
            for each in [kept, *vars(kept).values()] if isinstance(kept, type) else [kept]:
                if isinstance(each, FunctionType) and (each.__defaults__ or each.__kwdefaults__):
                    found[id(each)] = each
    return list(found.values())


def _named(function: FunctionType) -> Mapping[str, Any]:
    return function.__kwdefaults__ or {}


def _is_one(value: Any, taken: Mapping[Any, Any]) -> bool:
    return isinstance(value, Hashable) and value in taken


def _uuid7(milliseconds: int, noise: bytes) -> int:
    bits = int.from_bytes(noise, "big")
    return milliseconds << 80 | 7 << 76 | (bits >> 68) << 64 | 2 << 62 | bits & (1 << 62) - 1


def _threads(loop: NetworkedLoop) -> Iterator[tuple[Any, str, Any]]:
    async def run_sync(func: Callable[..., Any], *args: Any, **_: Any) -> Any:
        return await loop.run_in_executor(None, copy_context().run, func, *args)

    yield ThreadPoolExecutor, "submit", threads.submit_in(loop)
    yield ThreadPoolExecutor, "shutdown", threads.shutdown
    yield anyio.to_thread, "run_sync", run_sync
    for module in (sqlalchemy.util.queue, sqlalchemy.pool.impl, sqlalchemy.event.attr):
        yield module, "threading", threads.THREADING


class _Handler(logging.Handler):
    """Writes what libraries log to the timeline."""

    def __init__(self, loop: NetworkedLoop, timeline: Timeline) -> None:
        super().__init__(logging.WARNING)
        self._loop, self._timeline = loop, timeline

    def emit(self, record: logging.LogRecord) -> None:
        error = {"error": repr(record.exc_info[1])} if record.exc_info else {}
        self._timeline.say(self._loop.process.name, f"log of {record.name}", message=record.getMessage(), **error)


def _logs(loop: NetworkedLoop, timeline: Timeline) -> Iterator[tuple[Any, str, Any]]:
    def log(action: logs.Action, *, exc: BaseException | None = None, **fields: Any) -> None:
        error = {} if exc is None else {"error": repr(exc)}
        timeline.say(loop.process.name, action.value, **fields, **error)

    for name in ("info", "warning", "error"):
        yield logs, name, log
    yield logging.root, "handlers", [_Handler(loop, timeline)]
    yield logging.getLogger("faststream"), "handlers", []


def _hashes() -> Iterator[tuple[Any, str, Any]]:
    """Hash objects that libraries keep in sets by a number, because addresses differ from run to run."""
    numbers = count(1)

    def number(self: Any) -> int:
        found = self.__dict__.get("_simulated_number")
        if found is None:
            found = self._simulated_number = next(numbers)
        return int(found)

    for kind in (AbstractConnection, HttpToolsProtocol, ResponseHandler):
        yield kind, "__hash__", number


def _kept_by_modules() -> Iterator[tuple[Any, str, Any]]:
    """Reset what modules of the services keep for the life of a process. It affects only what is shown."""
    yield decisions, "_lines", decisions.Lines(decisions._LINES_MAX)
    yield failure_reporter, "_failing", {}
    yield heartbeat, "_newest", {}


def _memory() -> Iterator[tuple[Any, str, Any]]:
    """Collect garbage only after the run: a collection would run finalisers at an arbitrary moment."""
    for name in ("collect", "freeze", "set_threshold"):
        yield gc, name, lambda *_: 0
