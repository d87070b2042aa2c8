"""OpenAPI: documents what FastAPI cannot see in the handlers: bodies, headers, and every response with its schema and
an example."""

from holdfast.services.api.openapi.resources import documents_of
from holdfast.services.api.openapi.routes import BREAKERS, EXTERNAL, OVERRIDE, operation

__all__ = ["BREAKERS", "EXTERNAL", "OVERRIDE", "documents_of", "operation"]
