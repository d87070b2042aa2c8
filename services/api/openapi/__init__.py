"""What FastAPI cannot see in the handlers: bodies, headers, every response with its schema and an example."""

from holdfast.services.api.openapi.breakers import BREAKERS, OVERRIDE, PANIC
from holdfast.services.api.openapi.external import EXTERNAL
from holdfast.services.api.openapi.operations import operation
from holdfast.services.api.openapi.resources import components_of, documents_of

__all__ = ["BREAKERS", "EXTERNAL", "OVERRIDE", "PANIC", "components_of", "documents_of", "operation"]
