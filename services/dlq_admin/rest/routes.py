"""Routes: every path of REST, on the application that also has the console."""

from fastapi import FastAPI

from holdfast.services.dlq_admin.backend import Backend
from holdfast.services.dlq_admin.rest import (
    alerts,
    allowances,
    audit,
    discards,
    edits,
    exchange,
    faults,
    groups,
    ledger,
    letters,
    overview,
    replays,
    requests,
    what_if,
    writers,
)


def add_routes(app: FastAPI, backend: Backend) -> None:
    """All of them."""
    overview.add_routes(app, backend.overview)
    groups.add_routes(app, backend.groups)
    letters.add_routes(app, backend.letters)
    discards.add_routes(app, backend.discards)
    what_if.add_routes(app, backend.what_ifs)
    edits.add_routes(app, backend.edits)
    replays.add_routes(app, backend.replays)
    exchange.add_routes(app, backend.exchange)
    audit.add_routes(app, backend.audit)
    allowances.add_routes(app, backend.allowances)
    faults.add_routes(app, backend.faults)
    requests.add_routes(app, backend.requests)
    writers.add_routes(app, backend.writers)
    ledger.add_routes(app, backend.ledger)
    alerts.add_routes(app, backend.alerts)
