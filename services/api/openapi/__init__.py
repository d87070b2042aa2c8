"""What FastAPI cannot see in the handlers: bodies, headers, every response with its schema and an example."""

from holdfast.services.api.openapi.resources import components_of, documents_of
from holdfast.services.api.openapi.routes import BREAKERS, EXTERNAL, OVERRIDE, operation

__all__ = ["BREAKERS", "EXTERNAL", "OVERRIDE", "components_of", "documents_of", "operation"]
