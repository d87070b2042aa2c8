"""OpenAPI document: what FastAPI derives from the routes, completed by rules that hold for every service: short names
of operations, one place for each named schema and header, the headers of every answer, and the scope that is needed."""

from collections.abc import Callable
from functools import cache
from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute

from holdfast.shared.http.document import EXPLAIN, REFERENCE, TIMEOUT, RequestBody, header

#: From method and path to the scope that a key needs; None: no key is needed.
Needs = Callable[[str, str], str | None]

_SECURITY_SCHEMES = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "`Authorization: Bearer KEY`"},
    "apiKey": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
}
#: Of every answer.
_HEADERS = {
    "X-Request-ID": header("This request's id; in our logs too"),
    "Vary": header("What an answer depends on beside its address"),
    "X-Content-Type-Options": header("`nosniff`"),
    "Cache-Control": header("What a cache on the way may keep; where there is something to say"),
}
#: Of every request whose errors are documented.
_PARAMETERS = (TIMEOUT, EXPLAIN)
#: Their values are data, not parts of the document.
_EXAMPLES = ("example", "examples", "default", "const", "enum")
#: FastAPI's own form of an invalid request, which is never sent.
_NEVER_SENT = ("HTTPValidationError", "ValidationError")


def operation_id(route: APIRoute) -> str:
    """`createUser`, of the route named `create_user`."""
    first, *rest = route.name.split("_")
    return first + "".join(word.capitalize() for word in rest)


def complete(app: FastAPI, needs: Needs) -> None:
    """Let the application's document follow these rules."""
    derived = app.openapi

    @cache  # FastAPI keeps the document that it derived, also where it could not be completed
    def openapi() -> dict[str, Any]:
        return _Contract(_as_written(derived(), app), needs).document

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's own way to extend it


def _as_written(document: dict[str, Any], app: FastAPI) -> dict[str, Any]:
    """The document with the bodies and answers that routes bring themselves as they are: FastAPI drops null from their
    examples, and rounds large numbers."""
    for route in app.routes:
        if not isinstance(route, APIRoute) or not route.include_in_schema:
            continue
        for method in route.methods or ():
            operation = document["paths"][route.path_format][method.lower()]
            for status, response in route.responses.items():
                if "content" in response:
                    operation["responses"][str(status)]["content"] = response["content"]
            if body := (route.openapi_extra or {}).get("requestBody"):
                operation["requestBody"] = body.written() if isinstance(body, RequestBody) else body
    return document


class _Contract:
    def __init__(self, document: dict[str, Any], needs: Needs) -> None:
        self._needs = needs
        self._schemas: dict[str, Any] = {}
        self._headers: dict[str, Any] = {}
        for name, schema in document.get("components", {}).get("schemas", {}).items():
            if name not in _NEVER_SENT:
                self._put(self._schemas, name, self._parts(schema))
        self.document = document | {"paths": self._paths(document["paths"])}
        self.document["components"] = {
            "schemas": dict(sorted(self._schemas.items())),
            "headers": dict(sorted(self._headers.items())),
            "securitySchemes": _SECURITY_SCHEMES,
        }

    def _paths(self, paths: dict[str, Any]) -> dict[str, Any]:
        return {
            path: {method: self._operation(method, path, one) for method, one in operations.items()}
            for path, operations in paths.items()
        }

    def _operation(self, method: str, path: str, operation: dict[str, Any]) -> dict[str, Any]:
        operation = self._hoisted(operation)
        scope = self._needs(method.upper(), path)
        operation["security"] = [{scheme: [scope]} for scheme in _SECURITY_SCHEMES] if scope else []
        if "422" in operation["responses"]:
            named = {one.get("name") for one in operation.get("parameters", ())}
            rest = [one for one in _PARAMETERS if one["name"] not in named]
            operation["parameters"] = [*operation.get("parameters", ()), *rest]
        for response in operation["responses"].values():
            headers = response.get("headers", {}) | _HEADERS
            for name, one in headers.items():
                self._put(self._headers, name, one)
            response["headers"] = {name: {"$ref": f"#/components/headers/{name}"} for name in headers}
        return operation

    def _hoisted(self, node: Any) -> Any:
        """The node with references to its named schemas, which it is then rid of."""
        if isinstance(node, list):
            return [self._hoisted(each) for each in node]
        if not isinstance(node, dict):
            return node
        whole = self._parts(node)
        name = whole.get("title")
        if not isinstance(name, str) or "properties" not in whole:
            return whole
        self._put(self._schemas, name, whole)
        return {"$ref": REFERENCE.format(model=name)}

    def _parts(self, node: dict[str, Any]) -> dict[str, Any]:
        for name, schema in node.get("$defs", {}).items():
            self._put(self._schemas, name, self._parts(schema))
        return {
            key: value if key in _EXAMPLES else self._hoisted(value) for key, value in node.items() if key != "$defs"
        }

    @staticmethod
    def _put(into: dict[str, Any], name: str, what: dict[str, Any]) -> None:
        """Raises ValueError for a name that means something else already."""
        if into.setdefault(name, what) != what:
            raise ValueError(f"two parts of the OpenAPI document are called {name}")
