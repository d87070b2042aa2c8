"""Query parameters: a request is refused if it has one that its route does not declare, or gives one twice that is no
list. A misspelt filter would else answer for everything, and of two values a proxy before us may see the other one."""

from collections.abc import Callable, Iterator, Mapping
from inspect import isclass
from typing import Any, get_args, get_origin
from urllib.parse import parse_qsl

from fastapi.dependencies.models import Dependant
from pydantic import BaseModel

from holdfast.shared.errors import InvalidParameter

_SHOWN_MAX_CHARS = 100


def declared(dependant: Dependant) -> dict[str, bool]:
    """The query parameters of a route, and whether each is a list."""
    found: dict[str, bool] = {}
    for field in dependant.query_params:
        annotation = field.field_info.annotation
        if isclass(annotation) and issubclass(annotation, BaseModel):
            found |= {of.alias or name: _is_list(of.annotation) for name, of in annotation.model_fields.items()}
        else:
            found[field.alias] = _is_list(annotation)
    return found


Arguments = Callable[[bytes], dict[str, Any] | None]


def arguments(dependant: Dependant) -> Arguments | None:
    """What makes a handler's arguments of a query, in the way that FastAPI does; None for whatever is out of the
    ordinary, which FastAPI then answers. None at all for a handler that takes more than the request and such values."""
    about = dependant.path_params, dependant.header_params, dependant.cookie_params, dependant.body_params
    injected = (
        dependant.response_param_name,
        dependant.background_tasks_param_name,
        dependant.security_scopes_param_name,
        dependant.http_connection_param_name,
        dependant.websocket_param_name,
    )
    if any(about) or any(injected) or dependant.dependencies or any(declared(dependant).values()):
        return None
    if dependant.request_param_name != "request":
        return None
    known = {field.alias: field for field in dependant.query_params}

    def read(query: bytes) -> dict[str, Any] | None:
        sent = parse_qsl(query.decode("latin-1"), keep_blank_values=True)
        raw = dict(sent)
        if len(raw) < len(sent) or not raw.keys() <= known.keys():
            return None
        values = {}
        for name, field in known.items():
            if not raw.get(name):
                if name in raw or field.field_info.is_required():
                    return None
                values[field.name] = field.get_default()
                continue
            values[field.name], errors = field.validate(raw[name], loc=("query", name))
            if errors:
                return None
        return values

    return read


def check(query: bytes, known: Mapping[str, bool]) -> None:
    """Raises InvalidParameter."""
    problems = list(_problems(query, known))
    if problems:
        raise InvalidParameter(details=problems[0] | ({"errors": problems} if len(problems) > 1 else {}))


def _problems(query: bytes, known: Mapping[str, bool]) -> Iterator[dict[str, Any]]:
    seen: set[str] = set()
    reported: set[str] = set()
    for name, value in parse_qsl(query.decode("latin-1"), keep_blank_values=True):
        if name not in reported and (constraint := _constraint(name, known, seen)):
            reported.add(name)
            yield {"field": name[:_SHOWN_MAX_CHARS], "value": value[:_SHOWN_MAX_CHARS], "constraint": constraint}
        seen.add(name)


def _constraint(name: str, known: Mapping[str, bool], seen: set[str]) -> str | None:
    if name not in known:
        return f"is not a known parameter; known: {', '.join(known) or 'none'}"
    return "must not be given twice" if name in seen and not known[name] else None


def _is_list(annotation: Any) -> bool:
    return list in (get_origin(annotation), *(get_origin(each) for each in get_args(annotation)))
