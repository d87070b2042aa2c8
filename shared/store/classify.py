"""Classify: the vendor's error number -> what it means for the work in hand.

By number alone: SQLAlchemy's `OperationalError` holds transient and permanent errors alike.
"""

import sqlalchemy as sa

from shared.faults import BadData, Clash, Contention, Fault, Outage

#: Lock wait timeout, deadlock: InnoDB undid our work, the other transaction went on.
_CONTENTION = {1205, 1213}

_CLASH = {1062}

_OUTAGE = {
    # The server is away, going away, full, or not taking us.
    2002, 2003, 2006, 2013, 2014, 2055, 1040, 1053, 1203, 1226, 1317, 1927, 3024, 1969, 4031, 1080, 1152, 1158,
    1159, 1160, 1161,
    # It takes no writes: read-only, disk or table space full.
    1290, 1836, 1021, 1114,
    # It is not the database we were built for: credentials, rights, schema. A person has to act; nothing is poison.
    1044, 1045, 1049, 1054, 1130, 1142, 1143, 1146, 1370,
}  # fmt: skip

_BAD_DATA = {1048, 1264, 1265, 1292, 1364, 1366, 1406, 1452, 3140, 3819, 3988, 4025, 1300, 1153}


def error_number(error: sa.exc.DBAPIError) -> int | None:
    """The server's or client's error number, if there is one."""
    args = getattr(error.orig, "args", ())
    return args[0] if args and isinstance(args[0], int) else None


def classify(error: sa.exc.SQLAlchemyError) -> Fault | None:
    """The fault that `error` is; None: unknown, so a bug until somebody names it."""
    if isinstance(error, sa.exc.TimeoutError):
        return Outage("no free database connection")
    if not isinstance(error, sa.exc.DBAPIError):
        return None
    number = error_number(error)
    for numbers, fault in ((_CONTENTION, Contention), (_CLASH, Clash), (_BAD_DATA, BadData), (_OUTAGE, Outage)):
        if number in numbers:
            return fault(f"database error {number}")
    return Outage(f"database error {number}") if error.connection_invalidated else None
