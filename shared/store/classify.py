"""Classify: the vendor's error -> what it probably means for the work in hand.

By number: SQLAlchemy's `OperationalError` holds transient and permanent errors alike. The lists are hints that save
time. They are never complete (proxies and clusters bring numbers of their own), so no entry is charged or
dead-lettered because of a number: a control write decides (`shared/store/control.py`).
"""

import re

import pymysql
import sqlalchemy as sa

from holdfast.shared.faults import BadData, Clash, Contention, Fault, NotPrimary, Outage, Refusal, Unexplained

#: Lock wait timeout, deadlock: InnoDB undid our work, the other transaction went on.
_CONTENTION = {1205, 1213}

_CLASH = {1062}

_OUTAGE = {
    # The server is away, going away, full, or not taking us.
    2002, 2003, 2006, 2013, 2014, 2045, 2055, 1040, 1053, 1203, 1226, 1317, 1927, 3024, 1969, 4031, 1080, 1152, 1158,
    1159, 1160, 1161,
    # Its group undid the commit, which lost a conflict.
    1180, 3101,
}  # fmt: skip

#: Read-only, offline, or a node that its cluster has left behind: no quorum, no state.
_NOT_PRIMARY = {1290, 1792, 1836, 3032, 1047, 3100}

#: What it answers until a person has mended it.
_REFUSAL = {
    # It is not the database we were built for: credentials, an account that is locked or whose password has expired,
    # rights, schema.
    1044, 1045, 1130, 1698, 1820, 1862, 3118, 4151, 1142, 1143, 1227, 1370, 1049, 1054, 1146, 1176,
    # Its disk or table space is full.
    1021, 1114,
}  # fmt: skip

_BAD_DATA = {1048, 1264, 1265, 1292, 1364, 1366, 1406, 1452, 3140, 3819, 3988, 4025, 1300, 1153}

_HINTS: tuple[tuple[set[int], type[Fault]], ...] = (
    (_CONTENTION, Contention), (_CLASH, Clash), (_BAD_DATA, BadData), (_OUTAGE, Outage),
    (_NOT_PRIMARY, NotPrimary), (_REFUSAL, Refusal),
)  # fmt: skip

#: Thousands of the error numbers that the client library gives: it has no answer of the server.
_OF_THE_CLIENT = 2

#: What the database quotes of the data in its messages.
_QUOTED = re.compile(r"(entry|value:?) '.*?'(?= for | at |$)", re.IGNORECASE | re.DOTALL)
_TEXT_MAX_CHARS = 300


class NotConnected(pymysql.err.OperationalError):
    """No connection could be made, for whatever reason: no data was sent, so none can be at fault."""


def classify(error: sa.exc.SQLAlchemyError) -> Fault:
    """The fault that `error` probably is."""
    if isinstance(error, sa.exc.TimeoutError):
        return Outage("no free database connection")
    if not isinstance(error, sa.exc.DBAPIError):
        return Unexplained(type(error).__name__)
    number = _number(error)
    message, detail = f"database error {number}", own_text(error)
    fault = next((fault for numbers, fault in _HINTS if number in numbers), Unexplained)
    if isinstance(error.orig, NotConnected | pymysql.err.InterfaceError) and not issubclass(fault, Outage):
        fault = Outage
    return fault(message, detail)


def answered(error: BaseException) -> bool:
    """Whether the server itself gave this error: numbers from 2000 to 2999 are the client's."""
    while isinstance(error, Fault) and error.__cause__ is not None:
        error = error.__cause__
    number = _number(error) if isinstance(error, sa.exc.DBAPIError) else None
    return number is not None and number // 1000 != _OF_THE_CLIENT


def own_text(error: sa.exc.DBAPIError) -> str:
    """The database's own words without the data that it quotes."""
    args: tuple[object, ...] = getattr(error.orig, "args", ())
    text = _QUOTED.sub(r"\1 '…'", str(args[1])) if len(args) > 1 else ""
    return f"database error {_number(error)}: {text}"[:_TEXT_MAX_CHARS]


def _number(error: sa.exc.DBAPIError) -> int | None:
    """The server's or client's error number, if there is one."""
    args = getattr(error.orig, "args", ())
    return args[0] if args and isinstance(args[0], int) else None
