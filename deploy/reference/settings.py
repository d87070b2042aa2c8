"""Every setting of every service, as environment variables."""

from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from deploy.reference.markdown import page, table
from deploy.reference.services import SERVICES
from holdfast.shared.runtime.settings import (
    CacheSettings,
    GrafanaSettings,
    QueueSettings,
    Settings,
    StoreSettings,
)
from holdfast.shared.runtime.variables import variable_of

_SHARED: tuple[tuple[str, type[Settings]], ...] = (
    ("Every service", Settings),
    ("Services that use the queue Redis", QueueSettings),
    ("Services that keep or read copies", CacheSettings),
    ("Services that send annotations to Grafana", GrafanaSettings),
    ("Services that use the database", StoreSettings),
)
_HEAD = ("name", "default", "range", "meaning")
_ABOUT = """Settings are environment variables, which each process reads once, at start. A setting that cannot be right
ends the process: an unknown name, a number out of range, or two time limits of which the inner one is the longer
([time budgets](time-budgets.md)). The process then ends with exit code 2 and writes a line for each wrong setting
(`setting_refused` in the log of a service, on stderr from a command): the variable, the source of its value, and what
is wrong. For an unknown name, the line suggests the nearest known one. Values are never repeated.

Any setting may be in a file instead: `DB_DSN_FILE=/run/secrets/dsn`, `HOLDFAST_GRAFANA_TOKEN_FILE=...`. If a setting
is given both ways, the environment wins."""


def settings() -> str:
    """Return the page."""
    parts = []
    for title, model in (*_SHARED, *SERVICES.items()):
        inherited = {name: field for base in model.__mro__[1:] for name, field in _fields(base).items()}
        own = {name: field for name, field in model.model_fields.items() if _differs(field, inherited.get(name))}
        if own:
            parts.append(
                f"## {title}\n\n{table(('name', 'default', 'range', 'meaning'), map(_row, own, own.values()))}"
            )
    return page("Settings", _ABOUT, *parts)


def _fields(base: type) -> dict[str, FieldInfo]:
    return base.model_fields if issubclass(base, Settings) else {}


def _differs(field: FieldInfo, inherited: FieldInfo | None) -> bool:
    return inherited is None or inherited.default != field.default


def _row(name: str, field: FieldInfo) -> tuple[str, ...]:
    return (f"`{variable_of(name, field)}`", _default(field), _range(field), field.description or "")


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "needed"
    if field.default is PydanticUndefined:
        return "by the machine"
    if isinstance(field.default, BaseModel):
        return f"`{field.default.model_dump_json()}`"
    return f"`{field.default}`" if field.default not in (None, "") else ""


def _range(field: FieldInfo) -> str:
    bounds: dict[str, Any] = {
        sign: getattr(each, name)
        for each in field.metadata
        for name, sign in (("ge", "≥"), ("gt", ">"), ("le", "≤"), ("lt", "<"))
        if hasattr(each, name)
    }
    choices = getattr(field.annotation, "__args__", ()) if "Literal" in str(field.annotation) else ()
    return ", ".join(f"{sign} {value:,}" for sign, value in bounds.items()) or ", ".join(map(str, choices))
