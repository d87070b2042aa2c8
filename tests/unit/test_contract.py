"""Contract: each service's OpenAPI document is valid, names what it describes once, and its examples are true."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from fastapi import FastAPI

from holdfast.shared.domain.registry import SCHEMAS, SCHEMAS_OF_ONE, domain
from holdfast.shared.http.document import TEXT, an_object, body
from holdfast.shared.http.open_paths import OPEN_PATHS
from holdfast.shared.http.openapi import complete
from tests.apps import SERVICES, client_of, make
from tests.keys import ADMIN, bearer

_COMPONENTS = "#/components/"
_CAMEL_CASE = re.compile(r"[a-z]+([A-Z][a-z]+)*")


@pytest.fixture(scope="module", params=SERVICES)
def service(request: pytest.FixtureRequest) -> str:
    """Each service in turn."""
    return str(request.param)


@pytest.fixture(scope="module")
def document(service: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The OpenAPI document of the service."""
    found: dict[str, Any] = make(service, tmp_path_factory.mktemp(service)).openapi()
    return found


def test_it_is_valid_and_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    """The document is valid by the metaschema of OpenAPI 3.1, and every reference in it leads to a component."""
    import schemathesis

    schemathesis.openapi.from_dict(document).validate()
    references = {node["$ref"] for _, node in _nodes(document) if isinstance(node.get("$ref"), str)}
    assert references
    for reference in references:
        kind, name = reference.removeprefix(_COMPONENTS).split("/")
        assert name in document["components"][kind], reference


def test_what_has_properties_has_a_name(document: dict[str, Any]) -> None:
    """An object with properties is written out once, under a name, so that a client generator makes one class of it."""
    inlined = [
        path
        for path, node in _nodes(document)
        if node.get("type") == "object" and isinstance(node.get("properties"), dict)
        if path[:-1] != ("components", "schemas")
    ]
    assert inlined == []


def test_every_operation_has_a_short_name_and_says_who_may(service: str, document: dict[str, Any]) -> None:
    """Each operation has a short unique name, such as `createUser`, and declares its scope unless it is open to
    everybody."""
    names = [operation["operationId"] for _, operation in _operations(document)]
    assert len(names) == len(set(names))
    assert [name for name in names if not _CAMEL_CASE.fullmatch(name)] == []
    for path, operation in _operations(document):
        open_to_all = path in OPEN_PATHS or (service == "external_proxy" and path == "/external")
        assert bool(operation["security"]) != open_to_all, path


def test_every_json_answer_has_an_example_and_it_fits(service: str, document: dict[str, Any]) -> None:
    """Every JSON answer has an example that fits its schema, except that dlq_admin's answers, made from response
    models, need none."""
    for path, operation in _operations(document):
        for status, response in operation["responses"].items():
            content = response.get("content", {}).get("application/json")
            if content is None:
                continue
            examples = [each["value"] for each in content.get("examples", {}).values()]
            assert examples or service == "dlq_admin", (path, status)
            valid = jsonschema_rs.validator_for(content["schema"] | {"components": document["components"]})
            for example in examples:
                assert [str(error) for error in valid.iter_errors(example)] == [], (path, status)


async def test_a_refusal_has_the_documented_form_and_headers(
    service: str, document: dict[str, Any], tmp_path: Path
) -> None:
    """Every route whose stores are away answers with a declared status, a body that fits its schema, and only declared
    headers."""
    from tests.integration.conformity import UNDECLARED

    headers = {} if service == "writer" else bearer(ADMIN)
    async with client_of(make(service, tmp_path), **headers) as client:
        for path, operations in document["paths"].items():
            for method, operation in operations.items():
                answer = await client.request(method.upper(), path.replace("{", "").replace("}", ""))
                declared = operation["responses"].get(str(answer.status_code))
                assert declared is not None, (method, path, answer.status_code)
                undeclared = set(answer.headers) - {name.lower() for name in declared["headers"]} - UNDECLARED
                assert undeclared == set(), (method, path, answer.status_code)
                if answer.headers.get("content-type") == "application/json":
                    schema = declared["content"]["application/json"]["schema"]
                    valid = jsonschema_rs.validator_for(schema | {"components": document["components"]})
                    assert [str(error) for error in valid.iter_errors(answer.json())] == [], (method, path)


def test_users_have_the_names_that_a_client_expects(tmp_path: Path) -> None:
    """The names of a resource's operations and schemas are derived from its declaration, and no resource takes the name
    of one of the document's own schemas."""
    document = make("api", tmp_path).openapi()
    names = {operation["operationId"] for _, operation in _operations(document)}
    assert {f"{verb}User" for verb in ("create", "get", "replace", "update", "delete")} | {"listUsers"} <= names
    schemas = document["components"]["schemas"]
    assert {"User", "UserResponse", "UserListResponse", "Operation", "Error", "CircuitBreakerResponse"} <= set(schemas)
    of_resources = {f"{resource.name}{end}" for resource in domain().resources for end in SCHEMAS_OF_ONE}
    assert set(schemas) == SCHEMAS | of_resources
    assert "/panic" not in document["paths"]


def test_a_document_that_cannot_be_completed_is_never_served() -> None:
    """A document that cannot be completed is refused the first time and the second time, when FastAPI has already
    derived it."""
    app = FastAPI()
    complete(app, lambda _method, _path: None)

    @app.post("/one", openapi_extra=body(an_object("Same", {"a": TEXT}), {}))
    @app.post("/two", openapi_extra=body(an_object("Same", {"b": TEXT}), {}))
    def _answer() -> None:
        """Return nothing."""

    for _ in range(2):
        with pytest.raises(ValueError, match="are called Same"):
            app.openapi()


def _operations(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, operations in document["paths"].items():
        for operation in operations.values():
            yield path, operation


def _nodes(node: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], dict[str, Any]]]:
    """Yield every object of the document, without those in examples."""
    if isinstance(node, dict):
        yield path, node
        for key, value in node.items():
            if key not in ("example", "examples", "default"):
                yield from _nodes(value, (*path, key))
    elif isinstance(node, list):
        for number, value in enumerate(node):
            yield from _nodes(value, (*path, str(number)))
