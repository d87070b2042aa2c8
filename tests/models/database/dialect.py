"""Dialect: translates an expression of MySQL's into one of SQLite's."""

from collections.abc import Callable
from typing import Any

from sqlglot import exp

_MICROSECONDS = {"MICROSECOND": 1, "SECOND": 10**6, "MINUTE": 60 * 10**6, "HOUR": 3600 * 10**6, "DAY": 86400 * 10**6}
_FOLDED = ("_general_ci", "_unicode_ci", "_ai_ci", "_as_ci")


def call(name: str, *args: exp.Expression) -> exp.Expression:
    """Return a call of one of our functions."""
    return exp.Anonymous(this=name, expressions=list(args))


def _microseconds(count: exp.Expression, unit: exp.Expression) -> exp.Expression:
    return exp.Paren(this=exp.Mul(this=count.copy(), expression=exp.Literal.number(_MICROSECONDS[unit.name.upper()])))


def _add(node: Any) -> exp.Expression:
    return call("mysql_add_us", node.this.copy(), _microseconds(node.expression, node.args["unit"]))


def _interval(node: Any) -> exp.Expression:
    if not isinstance(node.expression, exp.Interval):
        return node
    interval = node.expression
    shift = _microseconds(interval.this, interval.args["unit"])
    return call("mysql_add_us", node.this, exp.Neg(this=shift) if isinstance(node, exp.Sub) else shift)


def _like(node: Any) -> exp.Expression:
    text, folded = node.this, 0
    while isinstance(text, exp.Paren):
        text = text.this
    if isinstance(text, exp.Collate):
        text, folded = text.this, int(text.expression.name.endswith(_FOLDED))
    return call("mysql_like", text, node.expression, exp.Literal.string("\\"), exp.Literal.number(folded))


def _escape(node: Any) -> exp.Expression:
    """Leave the escape out, because the call of the pattern's function has been made already."""
    text, pattern, _, folded = node.this.expressions
    return call("mysql_like", text, pattern, node.expression, folded)


def _cast(node: Any) -> exp.Expression:
    kind = node.args["to"].this
    return call("mysql_unsigned", node.this) if kind == exp.DataType.Type.UBIGINT else node


def _json(node: Any) -> exp.Expression:
    return call("mysql_json_extract", node.this, exp.Literal.string(node.expression.sql("mysql").strip("'")))


def _side(node: Any) -> exp.Expression:
    """Remove the brackets around a part of a compound select, which SQLite does not take."""
    for name in ("this", "expression"):
        part = node.args[name]
        if isinstance(part, exp.Subquery):
            node.set(name, exp.select("*").from_(part.copy()))
    return node


def _in(node: Any) -> exp.Expression:
    """Compare rows one by one, because SQLite has no lists of rows."""
    if not isinstance(node.this, exp.Tuple) or not node.expressions:
        return node
    names = node.this.expressions
    rows = [
        exp.and_(
            *(exp.EQ(this=name.copy(), expression=value) for name, value in zip(names, row.expressions, strict=True))
        )
        for row in node.expressions
    ]
    return exp.paren(exp.or_(*rows))


def _without_hints(node: Any) -> exp.Expression:
    node.set("hints", None)
    return node


_BY_KIND: dict[type, Callable[[Any], exp.Expression]] = {
    exp.UtcTimestamp: lambda _: call("mysql_utc"),
    exp.TimestampAdd: _add,
    exp.Add: _interval,
    exp.Sub: _interval,
    exp.Concat: lambda node: call("mysql_concat", *node.expressions),
    exp.Floor: lambda node: call("mysql_floor", node.this),
    exp.Div: lambda node: call("mysql_div", node.this, node.expression),
    exp.Like: _like,
    exp.Escape: _escape,
    exp.Cast: _cast,
    exp.JSONExtract: _json,
    exp.In: _in,
    exp.Union: _side,
    exp.Table: _without_hints,
}


def translated(node: Any) -> Any:
    """Return the statement for SQLite. The given statement may be changed. Inner parts are translated first."""
    for part in reversed(list(node.dfs())):
        turn = _BY_KIND.get(type(part))
        turned = turn(part) if turn else part
        if turned is not part:
            if part is node:
                node = turned
            else:
                part.replace(turned)
    return node


def sqlite(node: exp.Expression) -> str:
    """Return an expression as text."""
    return node.sql("sqlite", identify=True)
