"""Query parameters: refuses a request with a parameter that its route does not declare, or with a repeated parameter
that is not a list. With a misspelt filter, a route would otherwise return everything; and of two values, a proxy in
front of us may use the other one."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from inspect import isclass
from typing import Annotated, Any, NamedTuple, get_args, get_origin
from urllib.parse import parse_qsl

from fastapi.dependencies.models import Dependant
from pydantic import BaseModel

from holdfast.shared.errors import InvalidCursor, InvalidParameter, InvalidRequest

_SHOWN_MAX_CHARS = 100
#: Stricter than pydantic, which would also accept `1_0`, `1.0`, `+1` and surrounding blanks.
_WHOLE = re.compile(r"-?[0-9]+", re.ASCII)


class Parameter(NamedTuple):
    """A parameter that a route declares."""

    is_list: bool = False
    is_whole_number: bool = False


def declared(dependant: Dependant) -> dict[str, Parameter]:
    """Return the query parameters of a route."""
    found: dict[str, Parameter] = {}
    for field in dependant.query_params:
        annotation = field.field_info.annotation
        if isclass(annotation) and issubclass(annotation, BaseModel):
            found |= {of.alias or name: _parameter(of.annotation) for name, of in annotation.model_fields.items()}
        else:
            found[field.alias] = _parameter(annotation)
    return found


def of_the_path(dependant: Dependant) -> dict[str, Parameter]:
    """Return the parameters in the path of a route."""
    return {field.alias: _parameter(field.field_info.annotation) for field in dependant.path_params}


Arguments = Callable[[bytes], dict[str, Any] | None]


def arguments(dependant: Dependant) -> Arguments | None:
    """Return a function that makes a handler's arguments from a query, like FastAPI. Return None for a handler that
    takes more than the request and query values.

    The function returns None for an unusual query, which FastAPI then answers.
    """
    about = dependant.path_params, dependant.header_params, dependant.cookie_params, dependant.body_params
    injected = (
        dependant.response_param_name,
        dependant.background_tasks_param_name,
        dependant.security_scopes_param_name,
        dependant.http_connection_param_name,
        dependant.websocket_param_name,
    )
    parameters = declared(dependant)
    if any(about) or any(injected) or dependant.dependencies or any(each.is_list for each in parameters.values()):
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
            if parameters[name].is_whole_number and not _WHOLE.fullmatch(raw[name]):
                return None
            values[field.name], errors = field.validate(raw[name], loc=("query", name))
            if errors:
                return None
        return values

    return read


def check(query: bytes, known: Mapping[str, Parameter]) -> None:
    """Check a query against the known parameters. Raises InvalidParameter, or InvalidCursor."""
    sent = parse_qsl(query.decode("latin-1"), keep_blank_values=True)
    if problems := list(_problems(sent, known)):
        raise _invalid(problems)
    check_numbers(sent, known)


def check_numbers(sent: Iterable[tuple[str, str]], known: Mapping[str, Parameter]) -> None:
    """Check that whole numbers consist of digits. Raises InvalidParameter, or InvalidCursor."""
    wrong = {
        name: _problem(name, value, "must be a whole number")
        for name, value in sent
        if known[name].is_whole_number and not _WHOLE.fullmatch(value)
    }
    if wrong:
        raise refusal(list(wrong.values()))


def refusal(problems: Sequence[dict[str, Any]]) -> InvalidRequest:
    """Return the error for values of the wrong form. For a cursor, the error does not show the form, which callers need
    not know."""
    if all(each["field"] == "cursor" for each in problems):
        return InvalidCursor(problems[0]["value"] or "")
    return _invalid(problems)


def _invalid(problems: Sequence[dict[str, Any]]) -> InvalidParameter:
    return InvalidParameter(details=problems[0] | ({"errors": problems} if len(problems) > 1 else {}))


def _problem(name: str, value: str, constraint: str) -> dict[str, Any]:
    return {"field": name[:_SHOWN_MAX_CHARS], "value": value[:_SHOWN_MAX_CHARS], "constraint": constraint}


def _problems(sent: Iterable[tuple[str, str]], known: Mapping[str, Parameter]) -> Iterator[dict[str, Any]]:
    seen: set[str] = set()
    reported: set[str] = set()
    for name, value in sent:
        if name not in reported and (constraint := _constraint(name, known, seen)):
            reported.add(name)
            yield _problem(name, value, constraint)
        seen.add(name)


def _constraint(name: str, known: Mapping[str, Parameter], seen: set[str]) -> str | None:
    if name not in known:
        return f"is not a known parameter; known: {', '.join(known) or 'none'}"
    return "must not be given twice" if name in seen and not known[name].is_list else None


def _parameter(annotation: Any) -> Parameter:
    is_list = list in (get_origin(annotation), *(get_origin(each) for each in get_args(annotation)))
    return Parameter(is_list, _kinds(annotation) - {type(None)} == {int})


def _kinds(annotation: Any) -> set[Any]:
    """Return the types that a value may have, without their wrappers."""
    if get_origin(annotation) is Annotated:
        return _kinds(get_args(annotation)[0])
    inner = get_args(annotation)
    return {kind for each in inner for kind in _kinds(each)} if inner else {annotation}
