"""Once: what a service does the same way each time it starts is done once, or only when it is asked for: the schemas of
its models, the validators of its parameters, its routes, its statements. `substitutes` are replacements of names."""

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
    """(target, name, replacement)"""
    yield BaseModel, "model_json_schema", classmethod(lambda model, **how: dict(_schema(model, **how)))
    yield fastapi._compat.v2, "TypeAdapter", _type_adapter
    yield fastapi.dependencies.utils, "field_annotation_is_sequence", _is_sequence
    yield DirectRoute, "__init__", _declare
    yield DirectRoute, "__getattr__", _read_of_route
    yield sqlalchemy, "create_engine", _create_engine
    yield MySQLDialect_pymysql, "__hash__", lambda _: 1
    yield MySQLDialect_pymysql, "__eq__", lambda _, other: isinstance(other, MySQLDialect_pymysql)


def _is_sequence(annotation: Any) -> bool:
    """It is asked for each parameter of each request."""
    return _hashed(annotation) if isinstance(annotation, Hashable) else _IS_SEQUENCE(annotation)


@cache
def _schema(model: type[BaseModel], **how: Any) -> dict[str, Any]:
    return _SCHEMA(model, **how)  # type: ignore[no-any-return]


def _type_adapter(annotated: Any, *, config: Any = None) -> TypeAdapter[Any]:
    """That of a parameter or a body, made once. What a route made for itself, as a closure, is only its own."""
    of, *metadata = get_args(annotated)
    key = of, repr(metadata), repr(config)
    if not isinstance(of, Hashable) or " at 0x" in repr(key):
        return TypeAdapter(annotated, config=config)
    if key not in _adapters:
        _adapters[key] = TypeAdapter(annotated, config=config)
    return _adapters[key]


def _declare(self: APIRoute, path: str, *args: Any, methods: Any = None, **options: Any) -> None:
    """Most routes are asked for nothing in a run: what finds one is known at once, the rest when it is looked at."""
    regex, _, convertors = _form(path)
    found_by = {"path": path, "path_regex": regex, "param_convertors": convertors}
    vars(self).update(found_by, methods={each.upper() for each in methods or ("GET",)})
    vars(self)["declared"] = (path, *args), {"methods": methods, **options}


def _read_of_route(self: APIRoute, name: str) -> Any:
    """Called for what a route does not have."""
    args, options = vars(self).pop("declared", ((), None))
    if options is None:
        raise AttributeError(name)
    _ROUTE(self, *args, **options)
    return getattr(self, name)


def _create_engine(*args: Any, **options: Any) -> Any:
    """A statement is compiled once, not once per engine: their dialects are alike."""
    engine = _CREATE_ENGINE(*args, **options)
    engine._compiled_cache = _compiled
    return engine
