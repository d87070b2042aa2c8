"""Once: does once per run of tests what a service repeats at each start, or defers it until it is needed: the schemas
of models, the validators of parameters, routes, statements."""

from collections.abc import Callable, Hashable, Iterator
from functools import cache
from typing import Any, get_args

import fastapi._compat.shared
import fastapi._compat.v2
import fastapi.dependencies.utils
import sqlalchemy
from fastapi.routing import APIRoute
from pydantic import BaseModel, TypeAdapter
from sqlalchemy.dialects.mysql.pymysql import MySQLDialect_pymysql
from sqlalchemy.util import LRUCache
from starlette.routing import compile_path

from holdfast.shared.http.routing import DirectRoute

_SCHEMA = BaseModel.model_json_schema.__func__  # type: ignore[attr-defined]  # of the method, for any model
_CREATE_ENGINE = sqlalchemy.create_engine
_ROUTE: Callable[..., None] = DirectRoute.__init__

_IS_SEQUENCE: Callable[[Any], bool] = fastapi._compat.shared.field_annotation_is_sequence

_form = cache(compile_path)
_hashed = cache(_IS_SEQUENCE)
_adapters: dict[Hashable, TypeAdapter[Any]] = {}
_compiled: Any = LRUCache(10_000)


def substitutes() -> Iterator[tuple[Any, str, Any]]:
    """Yield (target, name, replacement) for each function."""
    yield BaseModel, "model_json_schema", classmethod(lambda model, **how: dict(_schema(model, **how)))
    yield fastapi._compat.v2, "TypeAdapter", _type_adapter
    yield fastapi.dependencies.utils, "field_annotation_is_sequence", _is_sequence
    yield DirectRoute, "__init__", _declare
    yield DirectRoute, "__getattr__", _read_of_route
    yield sqlalchemy, "create_engine", _create_engine
    yield MySQLDialect_pymysql, "__hash__", lambda _: 1
    yield MySQLDialect_pymysql, "__eq__", lambda _, other: isinstance(other, MySQLDialect_pymysql)


def _is_sequence(annotation: Any) -> bool:
    """Answer from a cache: FastAPI asks this for each parameter of each request."""
    return _hashed(annotation) if isinstance(annotation, Hashable) else _IS_SEQUENCE(annotation)


@cache
def _schema(model: type[BaseModel], **how: Any) -> dict[str, Any]:
    return _SCHEMA(model, **how)  # type: ignore[no-any-return]


def _type_adapter(annotated: Any, *, config: Any = None) -> TypeAdapter[Any]:
    """Return the adapter of a parameter or a body, made once. An adapter for a route's own closure is not shared."""
    of, *metadata = get_args(annotated)
    key = of, repr(metadata), repr(config)
    if not isinstance(of, Hashable) or " at 0x" in repr(key):
        return TypeAdapter(annotated, config=config)
    if key not in _adapters:
        _adapters[key] = TypeAdapter(annotated, config=config)
    return _adapters[key]


def _declare(self: APIRoute, path: str, *args: Any, methods: Any = None, **options: Any) -> None:
    """Register a route with only what is needed to find it. Most routes are never used in a run; the rest is built on
    demand."""
    regex, _, convertors = _form(path)
    found_by = {"path": path, "path_regex": regex, "param_convertors": convertors}
    vars(self).update(found_by, methods={each.upper() for each in methods or ("GET",)})
    vars(self)["declared"] = (path, *args), {"methods": methods, **options}


def _read_of_route(self: APIRoute, name: str) -> Any:
    """Build the rest of a route when a missing attribute is read."""
    args, options = vars(self).pop("declared", ((), None))
    if options is None:
        raise AttributeError(name)
    _ROUTE(self, *args, **options)
    return getattr(self, name)


def _create_engine(*args: Any, **options: Any) -> Any:
    """Create an engine that shares compiled statements with all others, because their dialects are alike."""
    engine = _CREATE_ENGINE(*args, **options)
    engine._compiled_cache = _compiled
    return engine
