"""Expressions: analyses a query with PromQL's own syntax tree. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

import promql_parser as p

#: Functions that turn a counter into a rate or a number of events.
OF_COUNTERS = frozenset({"rate", "increase", "irate", "resets"})


@dataclass(frozen=True, slots=True)
class Use:
    """One selector. `inside`: the functions around it, innermost first; `window`: that of a range selector."""

    name: str
    matchers: tuple[tuple[str, str], ...]
    inside: tuple[str, ...]
    window: timedelta | None


def uses(expr: p.Expr, inside: tuple[str, ...] = (), window: timedelta | None = None) -> Iterator[Use]:
    """Return every selector of a query."""
    match expr:
        case p.VectorSelector():
            matchers = tuple((matcher.name, matcher.value) for matcher in expr.matchers.matchers)
            name = expr.name or next((value for label, value in matchers if label == "__name__"), "")
            yield Use(name, matchers, inside, window)
        case p.MatrixSelector():
            yield from uses(expr.vector_selector, inside, expr.range)
        case p.Call():
            for argument in expr.args:
                yield from uses(argument, (expr.func.name, *inside), window)
        case _:
            for child in _children(expr):
                yield from uses(child, inside, window)


def labels_of(expr: p.Expr) -> frozenset[str] | None:
    """Return the labels that a result can have, or None if it has those of its series."""
    match expr:
        case p.AggregateExpr():
            return _aggregated(expr)
        case p.ParenExpr() | p.UnaryExpr():
            return labels_of(expr.expr)
        case p.NumberLiteral():
            return frozenset()
        case p.Call():
            return _called(expr)
        case p.BinaryExpr():
            return _combined(expr)
        case _:
            return None


def grouping(expr: p.Expr) -> Iterator[frozenset[str]]:
    """Return the labels of every `by`."""
    if isinstance(expr, p.AggregateExpr) and expr.modifier and expr.modifier.type == p.AggModifierType.By:
        yield frozenset(expr.modifier.labels)
    for child in _children(expr):
        yield from grouping(child)


def _aggregated(expr: p.AggregateExpr) -> frozenset[str] | None:
    if str(expr.op).removeprefix("T_").lower() in ("topk", "bottomk"):
        return labels_of(expr.expr)
    if expr.modifier is None:
        return frozenset()
    named = frozenset(expr.modifier.labels)
    if expr.modifier.type == p.AggModifierType.By:
        return named
    inner = labels_of(expr.expr)
    return None if inner is None else inner - named


def _called(expr: p.Call) -> frozenset[str] | None:
    if expr.func.name in ("time", "vector", "scalar"):
        return frozenset()
    inner = labels_of(expr.args[-1] if expr.func.name == "histogram_quantile" else expr.args[0])
    return inner - {"le"} if inner is not None and expr.func.name == "histogram_quantile" else inner


def _combined(expr: p.BinaryExpr) -> frozenset[str] | None:
    left, right = labels_of(expr.lhs), labels_of(expr.rhs)
    if str(expr.op) == "or":
        return None if left is None or right is None else left | right
    if isinstance(expr.lhs, p.NumberLiteral) or _is_scalar(expr.lhs):
        return right
    return left


def _is_scalar(expr: p.Expr) -> bool:
    return isinstance(expr, p.Call) and expr.func.name in ("time", "scalar")


def _children(expr: p.Expr) -> Iterator[p.Expr]:
    match expr:
        case p.BinaryExpr():
            yield from (expr.lhs, expr.rhs)
        case p.Call():
            yield from expr.args
        case p.AggregateExpr() | p.ParenExpr() | p.UnaryExpr() | p.SubqueryExpr():
            yield expr.expr
        case p.MatrixSelector():
            yield expr.vector_selector
        case _:
            pass
