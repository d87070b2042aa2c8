"""What FastAPI cannot see in the handlers: bodies, headers, every response with its schema and an example."""

from holdfast.services.api.openapi.breakers import BREAKERS, OVERRIDE, PANIC
from holdfast.services.api.openapi.external import EXTERNAL
from holdfast.services.api.openapi.operations import OPERATION
from holdfast.services.api.openapi.users import CREATE, DELETE, LIST, READ, REPLACE, UPDATE

__all__ = [
    "BREAKERS", "CREATE", "DELETE", "EXTERNAL", "LIST", "OPERATION", "OVERRIDE", "PANIC", "READ", "REPLACE", "UPDATE",
]  # fmt: skip
