"""Classify: the driver's error -> the fault that it probably is.

Errors are distinguished by number, because SQLAlchemy's `OperationalError` holds transient and permanent errors alike.
The lists are hints that save time. They are never complete, as proxies and clusters have numbers of their own, so no
entry is charged or dead-lettered because of a number: a control write decides (`shared/store/control.py`).
"""

import re

import pymysql
import sqlalchemy as sa

from holdfast.shared.faults import BadData, Clash, Contention, Fault, NotPrimary, Outage, Refusal, Unexplained

#: Lock wait timeout, deadlock: InnoDB rolled our work back, and the other transaction continued.
_CONTENTION = {1205, 1213}

_CLASH = {1062}

_OUTAGE = {
    # The server is down, shutting down or out of connections, or it aborts our connection or statement.
    2002, 2003, 2006, 2013, 2014, 2045, 2055, 1040, 1053, 1203, 1226, 1317, 1927, 3024, 1969, 4031, 1080, 1152, 1158,
    1159, 1160, 1161,
    # The server's group rolled the commit back, because it lost a conflict.
    1180, 3101,
}  # fmt: skip

#: The server is read-only or offline, or is a node without quorum or without current state.
_NOT_PRIMARY = {1290, 1792, 1836, 3032, 1047, 3100}

#: Errors that last until a person corrects their cause.
_REFUSAL = {
    # The database is not set up for us: credentials, a locked account or an expired password, rights, schema.
    1044, 1045, 1130, 1698, 1820, 1862, 3118, 4151, 1142, 1143, 1227, 1370, 1049, 1054, 1146, 1176,
    # The disk or the table space is full.
    1021, 1114,
}  # fmt: skip

_BAD_DATA = {1048, 1264, 1265, 1292, 1364, 1366, 1406, 1452, 3140, 3819, 3988, 4025, 1300, 1153}

_HINTS: tuple[tuple[set[int], type[Fault]], ...] = (
    (_CONTENTION, Contention), (_CLASH, Clash), (_BAD_DATA, BadData), (_OUTAGE, Outage),
    (_NOT_PRIMARY, NotPrimary), (_REFUSAL, Refusal),
)  # fmt: skip

#: The thousands digit of the client library's own error numbers, which it raises without an answer from the server.
_OF_THE_CLIENT = 2

#: The data that the database quotes in its messages.
_QUOTED = re.compile(r"(entry|value:?) '.*?'(?= for | at |$)", re.IGNORECASE | re.DOTALL)
_TEXT_MAX_CHARS = 300


class NotConnected(pymysql.err.OperationalError):
    """No connection could be made, for whatever reason. No data was sent, so no data can be at fault."""


def classify(error: sa.exc.SQLAlchemyError) -> Fault:
    """Return the fault that `error` probably is."""
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
    """Return whether the server itself sent this error. Numbers from 2000 to 2999 are the client's."""
    while isinstance(error, Fault) and error.__cause__ is not None:
        error = error.__cause__
    number = _number(error) if isinstance(error, sa.exc.DBAPIError) else None
    return number is not None and number // 1000 != _OF_THE_CLIENT


def own_text(error: sa.exc.DBAPIError) -> str:
    """Return the database's message without the data that it quotes."""
    args: tuple[object, ...] = getattr(error.orig, "args", ())
    text = _QUOTED.sub(r"\1 '…'", str(args[1])) if len(args) > 1 else ""
    return f"database error {_number(error)}: {text}"[:_TEXT_MAX_CHARS]


def _number(error: sa.exc.DBAPIError) -> int | None:
    """Return the error number of the server or the client, or None if there is none."""
    args = getattr(error.orig, "args", ())
    return args[0] if args and isinstance(args[0], int) else None
