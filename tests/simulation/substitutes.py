"""Substitutes: time, chance, threads and sockets of the standard library, replaced for as long as a simulation runs.

Each asks the process that runs: its clock, its chance.
"""

import asyncio
import gc
import logging
import os
import random
import secrets
import sys
import time
import uuid
from collections.abc import Callable, Hashable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from contextvars import copy_context
from functools import cache
from itertools import count
from types import FunctionType
from typing import Any, get_args
from unittest.mock import patch

import anyio.to_thread
import fastapi._compat.v2
import sqlalchemy.event.attr
import sqlalchemy.pool.impl
import sqlalchemy.util.queue
import uuid_utils
import uvicorn
from aiohttp.client_proto import ResponseHandler
from faststream import FastStream
from pydantic import BaseModel, TypeAdapter
from redis.asyncio.connection import AbstractConnection
from sqlalchemy.dialects.mysql.pymysql import MySQLDialect_pymysql
from sqlalchemy.util import LRUCache
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from holdfast.services.writer import heartbeat
from holdfast.shared.resilience import failure_reporter
from holdfast.shared.telemetry import decisions, logs, loop_lag
from tests.simulation import threads
from tests.simulation.blocking import block
from tests.simulation.endpoints import NetworkedLoop
from tests.simulation.timeline import Timeline

#: Functions of the module `random` that draw from its one hidden generator.
_DRAWS = (
    "betavariate", "choice", "choices", "expovariate", "gauss", "getrandbits", "normalvariate", "randbytes", "randint",
    "random", "randrange", "sample", "shuffle", "triangular", "uniform",
)  # fmt: skip
_NS = 1_000_000_000
_POLL_S, _TICKS_PER_S = 1.0, 10
_SCHEMA = BaseModel.model_json_schema.__func__  # type: ignore[attr-defined]  # of the method, for any model


@contextmanager
def installed(loop: NetworkedLoop, timeline: Timeline) -> Iterator[None]:
    """While this lasts, time and chance are the simulation's, and what is logged goes to the timeline."""
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
            *_threads(loop),
            *_memory(),
            *_hashes(),
            *_kept_by_modules(),
            *_documents(),
            *_polls(),
            *_statements(),
            *_logs(loop, timeline),
            *loop.substitutes(),
        ):
            stack.enter_context(patch.object(target, name, value))
        gc.disable()
        stack.callback(gc.enable)
        yield


def _time(loop: NetworkedLoop) -> Iterator[tuple[Any, str, Any]]:
    def wall() -> float:
        return loop.process.clock.wall(loop.now_s)

    def monotonic() -> float:
        return loop.process.clock.monotonic(loop.now_s)

    for name in ("monotonic", "perf_counter"):
        yield time, name, monotonic
        yield time, f"{name}_ns", lambda: int(monotonic() * _NS)
    yield time, "time", wall
    yield time, "time_ns", lambda: int(wall() * _NS)
    yield time, "sleep", block
    yield sqlalchemy.util.queue, "_time", wall


def _chance(loop: NetworkedLoop) -> Iterator[tuple[Any, str, Any]]:
    def drawing(name: str) -> Callable[..., Any]:
        return lambda *args, **kwargs: getattr(loop.process.chance, name)(*args, **kwargs)

    def urandom(size: int) -> bytes:
        return loop.process.chance.randbytes(size)

    for name in _DRAWS:
        yield random, name, drawing(name)
    yield os, "urandom", urandom
    yield random, "_urandom", urandom  # what `secrets` draws from
    yield uuid, "uuid4", lambda: uuid.UUID(bytes=urandom(16), version=4)
    yield uuid_utils, "uuid7", lambda: uuid_utils.UUID(int=_uuid7(time.time_ns() // 1_000_000, urandom(10)))
    yield secrets, "token_bytes", lambda nbytes=32: urandom(nbytes or 32)


@cache
def _with_defaults() -> list[FunctionType]:
    """Functions of the services with defaults: a clock or a draw among them was taken when the function was made."""
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
    """What libraries log, on the timeline."""

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
    """Objects that libraries keep in sets are hashed by their number, as an address differs in every run."""
    numbers = count(1)

    def number(self: Any) -> int:
        found = self.__dict__.get("_simulated_number")
        if found is None:
            found = self._simulated_number = next(numbers)
        return int(found)

    for kind in (AbstractConnection, HttpToolsProtocol, ResponseHandler):
        yield kind, "__hash__", number


@cache
def _schema(model: type[BaseModel], **how: Any) -> dict[str, Any]:
    return _SCHEMA(model, **how)


def _documents() -> Iterator[tuple[Any, str, Any]]:
    """A model's schema is written once: it is most of what a service does when it starts, and never differs."""
    yield BaseModel, "model_json_schema", classmethod(lambda model, **how: dict(_schema(model, **how)))
    yield fastapi._compat.v2, "TypeAdapter", _type_adapter


_adapters: dict[Hashable, TypeAdapter[Any]] = {}


def _type_adapter(annotated: Any, *, config: Any = None) -> TypeAdapter[Any]:
    """That of a parameter or a body, made once. What a route made for itself, as a closure, is only its own."""
    of, *metadata = get_args(annotated)
    key = of, repr(metadata), repr(config)
    if not isinstance(of, Hashable) or " at 0x" in repr(key):
        return TypeAdapter(annotated, config=config)
    if key not in _adapters:
        _adapters[key] = TypeAdapter(annotated, config=config)
    return _adapters[key]


_compiled: Any = LRUCache(1000)
_CREATE_ENGINE = sqlalchemy.create_engine


def _statements() -> Iterator[tuple[Any, str, Any]]:
    """A statement is compiled once, not once per engine: their dialects are alike."""

    def create_engine(*args: Any, **options: Any) -> Any:
        engine = _CREATE_ENGINE(*args, **options)
        engine._compiled_cache = _compiled
        return engine

    yield sqlalchemy, "create_engine", create_engine
    yield MySQLDialect_pymysql, "__hash__", lambda _: 1
    yield MySQLDialect_pymysql, "__eq__", lambda _, other: isinstance(other, MySQLDialect_pymysql)


async def _until_exit(server: uvicorn.Server) -> None:
    ticks = 0
    while not await server.on_tick(ticks):
        ticks += _TICKS_PER_S
        await asyncio.sleep(_POLL_S)


def _polls() -> Iterator[tuple[Any, str, Any]]:
    """Loops that only look at a variable ten times a second look once: half of what runs while nothing happens."""
    yield uvicorn.Server, "main_loop", _until_exit
    yield FastStream.run, "__defaults__", (logging.INFO, None, _POLL_S)
    yield loop_lag, "_SAMPLE_S", _POLL_S


def _kept_by_modules() -> Iterator[tuple[Any, str, Any]]:
    """What modules of the services keep while a process lives. No behaviour depends on it, only what is shown."""
    yield decisions, "_lines", decisions.Lines(decisions._LINES_MAX)
    yield failure_reporter, "_failing", {}
    yield heartbeat, "_newest", {}


def _memory() -> Iterator[tuple[Any, str, Any]]:
    """Garbage is collected when the run is over: a collection would run finalisers at a moment of its own choice."""
    for name in ("collect", "freeze", "set_threshold"):
        yield gc, name, lambda *_: 0
