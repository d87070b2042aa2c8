"""REST: the routes, what callers send, and who may. A thin face over the rooms."""

from holdfast.services.dlq_admin.rest.access import scope_needed
from holdfast.services.dlq_admin.rest.routes import add_routes

__all__ = ["add_routes", "scope_needed"]
