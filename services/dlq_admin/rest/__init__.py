"""REST: the routes, what callers send, and which scope they need. A thin layer over the backend."""

from fastapi import FastAPI

from holdfast.services.dlq_admin.backend import Backend
from holdfast.services.dlq_admin.rest import (
    alerts,
    audit,
    decisions,
    edits,
    exchange,
    failures,
    faults,
    groups,
    letters,
    overview,
    payload_search,
    replays,
    requests,
    writers,
)
from holdfast.services.dlq_admin.rest.access import scope_needed

__all__ = ["add_routes", "scope_needed"]


def add_routes(app: FastAPI, backend: Backend) -> None:
    """Add every path of REST to the application that also has the console."""
    overview.add_routes(app, backend.overview, backend.ledger)
    groups.add_routes(app, backend.groups)
    letters.add_routes(app, backend.letters)
    payload_search.add_routes(app, backend.payload_search)
    decisions.add_routes(app, backend.discards, backend.what_ifs, backend.allowances)
    edits.add_routes(app, backend.edits)
    replays.add_routes(app, backend.replays)
    exchange.add_routes(app, backend.exchange)
    audit.add_routes(app, backend.audit)
    faults.add_routes(app, backend.faults)
    failures.add_routes(app, backend.failures)
    requests.add_routes(app, backend.requests)
    writers.add_routes(app, backend.writers)
    alerts.add_routes(app, backend.alerts)
