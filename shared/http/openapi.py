"""OpenAPI document: completes what FastAPI derives from the routes by rules that hold for every service: short names of
operations, one place for each named schema and header, the headers of every answer, and the required scope."""

from functools import cache
from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute

from holdfast.shared.http.document import EXPLAIN, REFERENCE, TIMEOUT, RequestBody, header
from holdfast.shared.http.identify import Needs

_SECURITY_SCHEMES = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "`Authorization: Bearer KEY`"},
    "apiKey": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
}
#: The headers of every answer.
_HEADERS = {
    "X-Request-ID": header("The request's id, which the service's logs show, too"),
    "Vary": header("The request headers that the answer depends on"),
    "X-Content-Type-Options": header("`nosniff`"),
    "Cache-Control": header("What caches may keep of the answer"),
}
#: The parameters of every request whose errors are documented.
_PARAMETERS = (TIMEOUT, EXPLAIN)
#: Keys whose values are data, not parts of the document.
_EXAMPLES = ("example", "examples", "default", "const", "enum")
#: FastAPI's own form of an invalid request, which our services never send.
_NEVER_SENT = ("HTTPValidationError", "ValidationError")


def operation_id(route: APIRoute) -> str:
    """Return the operation's id: `createUser` for the route named `create_user`."""
    first, *rest = route.name.split("_")
    return first + "".join(word.capitalize() for word in rest)


def complete(app: FastAPI, needs: Needs) -> None:
    """Apply these rules to the application's document."""
    derived = app.openapi

    @cache  # FastAPI keeps its derived document even if completing it failed
    def openapi() -> dict[str, Any]:
        return _Contract(_as_written(derived(), app), needs).document

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's own way to extend it


def _as_written(document: dict[str, Any], app: FastAPI) -> dict[str, Any]:
    """Return the document with the bodies and answers of routes exactly as the routes give them. FastAPI drops null
    from their examples, and rounds large numbers."""
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
        """Replace named schemas in the node by references, and move the schemas to the document's named schemas."""
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
        """Add a named part. Raises ValueError if the name already stands for another part."""
        if into.setdefault(name, what) != what:
            raise ValueError(f"two parts of the OpenAPI document are called {name}")
