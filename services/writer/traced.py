"""Traced: shows a batch in the traces that its entries carry: a span for each entry, in the trace of its acceptance,
and a span for the transaction that the entry shared with others.

A transaction cannot be in every trace: it is in the trace of the first entry, and the other entries are linked to it. A
replayed entry comes long after its acceptance, so it has a trace of its own, which is linked to the original one.
"""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from contextvars import ContextVar

from holdfast.services.writer.pipeline import Apply
from holdfast.shared.queue.names import MESSAGING, WRITERS_GROUP, WRITES
from holdfast.shared.telemetry.tracing import spans
from holdfast.shared.telemetry.tracing.spans import Attributes, Kind, Span
from holdfast.shared.writes.commands import label
from holdfast.shared.writes.decide import Delivery
from holdfast.shared.writes.outcome import Dead, Failure, Outcome, Retry

#: The spans of the entries that are being applied, by entry id.
_OPEN: ContextVar[Mapping[str | None, Span]] = ContextVar("open entries")


def traced(apply: Apply) -> Apply:
    """Return `apply`, with spans around it if traces are collected."""
    if spans.collector is None:
        return apply

    async def within_spans(batch: list[Delivery]) -> list[Outcome]:
        with ExitStack() as ending:
            opened = {each.entry_id: _begun(each) for each in batch if spans.sampled(each.write.traceparent)}
            for span in opened.values():
                ending.callback(span.end)
            with _known(opened):
                outcomes = await apply(batch)
            for delivery, outcome in zip(batch, outcomes, strict=True):
                if delivery.entry_id in opened:
                    _ended(opened[delivery.entry_id], outcome)
            return outcomes

    return within_spans


def transaction(batch: list[Delivery]) -> AbstractContextManager[object]:
    """Return a context for one attempt at a transaction: its span, or nothing if no entry of the batch is traced."""
    known = _OPEN.get({})
    opened = [known[each.entry_id] for each in batch if each.entry_id in known] if known else []
    if not opened:
        return nullcontext()
    about: Attributes = {"db.system.name": "mysql", "db.operation.name": "apply", "db.operation.batch.size": len(batch)}
    first, *others = opened
    span = spans.begun("transaction", Kind.CLIENT, about, first.traceparent, [each.traceparent for each in others])
    for each in others:
        each.link(span.traceparent)
    return span


def _begun(delivery: Delivery) -> Span:
    write = delivery.write
    about: dict[str, str | int | float | bool] = {
        **MESSAGING,
        "messaging.operation.type": "process",
        "messaging.consumer.group.name": WRITERS_GROUP,
        "messaging.message.id": write.operation_id,
        "holdfast.entry_id": delivery.entry_id or "",
        "holdfast.command": label(write.command),
    }
    name = f"process {WRITES}"
    if write.replay:
        about["holdfast.replay"] = write.replay
        return spans.begun(name, Kind.CONSUMER, about, "", [write.traceparent])
    return spans.begun(name, Kind.CONSUMER, about, write.traceparent)


def _ended(span: Span, outcome: Outcome) -> None:
    span.note({"holdfast.outcome": type(outcome).__name__})
    match outcome:
        case Dead(reason):
            span.failed(reason.value)
        case Retry(Failure() as failure):
            span.failed(failure.code)
        case _:
            pass


@contextmanager
def _known(opened: Mapping[str | None, Span]) -> Iterator[None]:
    token = _OPEN.set(opened)
    try:
        yield
    finally:
        _OPEN.reset(token)
