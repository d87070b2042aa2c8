"""Fills the tables of docs/scaling.md from the costs. Pure."""

from collections.abc import Sequence

from deploy.capacity.costs import Costs
from deploy.capacity.model import Load, first_full, needs
from deploy.capacity.table import amount

_RATES = {"10³ writes/s": 1e3, "10⁴": 1e4, "10⁵": 1e5}
_DAYS, _READS_EACH = 30, 4


def filled(page: str, costs: Costs) -> str:
    """Return the page with its tables filled from these costs. Everything else stays."""
    for name, table in (("costs", _costs(costs)), ("capacity", _capacity(costs))):
        begin, end = f"<!-- {name} -->\n", f"\n<!-- /{name} -->"
        before, _, rest = page.partition(begin)
        page = before + begin + table + end + rest.partition(end)[2]
    return page


def _costs(costs: Costs) -> str:
    def us(value: float) -> str:
        return f"{value:,.0f} µs"

    def size(value: float) -> str:
        return f"{value:,.0f} B"

    def shared(value: float) -> str:
        return f"{1 / value:,.0f} writes shared one"

    housekeeping = f"and {us(costs.housekeeping_us)}, waiting included, to count an operation and to remove it"
    return _markdown(
        ("part", "a write", "a read by id", ""),
        ("api", us(costs.api_write_us), us(costs.api_read_us), "less for each when more arrive together"),
        ("writer", us(costs.writer_us), "", "less for each in a backlog: [how it scales](benchmarks/scaling.md)"),
        ("queue", us(costs.queue_write_us), us(costs.queue_read_us), "accept and settle; one core for all"),
        ("database", us(costs.database_write_us), us(costs.database_read_us), housekeeping),
        ("memory of the queue", size(costs.queue_waiting_bytes), "", "while a write waits"),
        ("", size(costs.queue_keyed_bytes), "", "the record of the key, until five minutes after the write's end"),
        ("log of the queue", size(costs.queue_log_bytes), "", "until the log is rewritten"),
        ("fsyncs of the queue", f"{costs.queue_fsyncs:.3f}", "", shared(costs.queue_fsyncs)),
        ("fsyncs of the database", f"{costs.database_fsyncs:.3f}", "", shared(costs.database_fsyncs)),
        ("rows of an operation", size(costs.operation_bytes), "", "until the operation is older than the horizon"),
        ("rows of a user", size(costs.entity_bytes), "", "until the user is removed"),
    )


def _capacity(costs: Costs) -> str:
    found = [needs(Load(rate=rate, retention=_DAYS, reads=_READS_EACH * rate), costs) for rate in _RATES.values()]
    rows = [(each[0].part, *map(amount, each), _code(each[0].moved_by)) for each in zip(*found, strict=True)]
    full = first_full(found[0])
    head = (f"with {_READS_EACH} reads a write, {_DAYS} days", *_RATES, "moved by")
    return (
        f"{_markdown(head, *rows)}\n\nThe first limit that replicas do not raise: {full.part}, at"
        f" {full.at_most:,.0f} writes/s on one machine."
    )


def _code(text: str) -> str:
    return f"`{text}`" if text.startswith("HOLDFAST_") else text


def _markdown(*rows: Sequence[str]) -> str:
    lines = [f"| {' | '.join(row)} |" for row in rows]
    numbers = len(rows[0]) - 2
    return "\n".join([lines[0], f"|---|{'--:|' * numbers}---|", *lines[1:]])
