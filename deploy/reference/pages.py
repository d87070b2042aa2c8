"""The list of pages, and the pages of errors, metrics and time budgets."""

from collections.abc import Iterable
from pathlib import Path

import yaml
from prometheus_client import Counter
from prometheus_client.metrics import MetricWrapperBase

from deploy.failure_modes.page import failure_modes
from deploy.reference.endpoints import endpoints
from deploy.reference.markdown import page, table
from deploy.reference.services import SERVICES
from deploy.reference.settings import settings
from holdfast.shared.domain import errors as of_resources
from holdfast.shared.domain.registry import domain
from holdfast.shared.errors import AppError, catalogue
from holdfast.shared.http.envelope import status_of
from holdfast.shared.queue import asyncapi
from holdfast.shared.runtime.settings import StoreSettings
from holdfast.shared.runtime.time_budgets import FIXED, Budget
from holdfast.shared.telemetry import metrics as declared

_ABOUT_TIME_BUDGETS = """\
A time budget is a relation between time limits that a service checks when it starts: the inner limits, one
after another, must end before the outer limit. A name in lower case is a [setting](settings.md), shown with its
default; a name in capitals is a constant."""


def time_budgets() -> str:
    """Return the page of time budgets."""
    parts = [_budgets("every service", FIXED)]
    for name, model in SERVICES.items():
        needed = {"db_dsn": "mysql://user:password@host/db"} if issubclass(model, StoreSettings) else {}
        budgets = model.model_validate({"profile": "demo", **needed}).budgets()
        if budgets:
            parts.append(_budgets(name, budgets))
    return page("Time budgets", _ABOUT_TIME_BUDGETS, *parts)


def _streams() -> str:
    text = yaml.safe_dump(asyncapi.document(), sort_keys=False, allow_unicode=True, width=110)
    return f"# Written from the code by `make docs`; not edited by hand.\n{text}"


def _budgets(name: str, budgets: Iterable[Budget]) -> str:
    rows = [
        (budget.what, " + ".join(f"`{part}`" for part in budget.inner), f"{budget.worst_s:g} s", f"`{budget.outer}`")
        for budget in budgets
    ]
    return f"## {name}\n\n{table(('what', 'worst case', 'is', 'within'), rows)}"


_ABOUT_METRICS = """\
Each service exports its metrics at `/metrics`; the labels `job` and `instance` come from the scrape. A metric
that a service never changes is exported as 0, or not at all if the values of its labels are not known in advance."""


def metrics() -> str:
    """Return the page of metrics."""
    found = [value for value in vars(declared).values() if isinstance(value, MetricWrapperBase)]
    rows = [_metric_row(metric) for metric in sorted(found, key=lambda metric: metric._name)]
    return page("Metrics", _ABOUT_METRICS, table(("name", "type", "labels", "meaning"), rows))


def _metric_row(metric: MetricWrapperBase) -> tuple[str, ...]:
    name = f"{metric._name}_total" if isinstance(metric, Counter) else metric._name
    labels = ", ".join(f"`{label}`" for label in metric._labelnames)
    return (f"`{name}`", str(metric._type), labels, metric._documentation)


_ABOUT_ERRORS = """\
Clients should decide by `error.code`. `retryable`: the same request may succeed later, after `error.retry_after`
seconds (`Retry-After`). `definite`: it is certain that the request had no effect. If an error is not `definite`, the
request may have had its effect: a retry with the same `Idempotency-Key`, or the operation in
`error.details.operation_id`, shows whether it had. The code `INTERNAL_ERROR` reports a bug in Holdfast."""


def errors() -> str:
    """Return the page of errors."""
    every: list[AppError | type[AppError]] = [*catalogue(), *of_resources.catalogue(domain().resources)]
    rows = [_error_row(error) for error in sorted(every, key=lambda error: (status_of(error), error.code))]
    return page("Errors", _ABOUT_ERRORS, table(("status", "type", "code", "retryable", "definite", "meaning"), rows))


def _error_row(error: AppError | type[AppError]) -> tuple[str, ...]:
    meaning = error.message if isinstance(error, AppError) else " ".join((error.__doc__ or "").split())
    marks = ("yes" if error.retryable else "", "yes" if error.definite else "**no**")
    return (str(status_of(error)), f"`{error.type}`", f"`{error.code}`", *marks, meaning)


FOLDER = Path(__file__).parent.parent.parent / "docs"


def pages() -> dict[str, str]:
    """Return file name -> text."""
    return {
        "failure-modes.md": failure_modes(),
        "reference/endpoints.md": endpoints(),
        "reference/errors.md": errors(),
        "reference/metrics.md": metrics(),
        "reference/settings.md": settings(),
        "reference/streams.asyncapi.yaml": _streams(),
        "reference/time-budgets.md": time_budgets(),
    }
