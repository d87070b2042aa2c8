"""Every metric that a service exports, besides the Python runtime's own."""

from prometheus_client import Counter
from prometheus_client.metrics import MetricWrapperBase

from deploy.reference.markdown import page, table
from holdfast.shared.telemetry import metrics as declared

_ABOUT = """Each service has its own at `/metrics`; `job` and `instance` come from the scrape. A service that never does
a thing exports its metric at 0, or not at all where the labels are not known beforehand."""


def metrics() -> str:
    """The page."""
    found = [value for value in vars(declared).values() if isinstance(value, MetricWrapperBase)]
    rows = [_row(metric) for metric in sorted(found, key=lambda metric: metric._name)]
    return page("Metrics", _ABOUT, table(("name", "type", "labels", "meaning"), rows))


def _row(metric: MetricWrapperBase) -> tuple[str, ...]:
    name = f"{metric._name}_total" if isinstance(metric, Counter) else metric._name
    labels = ", ".join(f"`{label}`" for label in metric._labelnames)
    return (f"`{name}`", str(metric._type), labels, metric._documentation)
