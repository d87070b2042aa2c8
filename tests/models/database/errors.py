"""Errors, as PyMySQL raises them."""

import pymysql


def error(number: int, text: str) -> pymysql.err.MySQLError:
    """The driver's exception for a server's error number. It reads the number as a signed one of 16 bits."""
    number = (number + 0x8000) % 0x10000 - 0x8000
    default = pymysql.err.InternalError if number < 1000 else pymysql.err.OperationalError
    return pymysql.err.error_map.get(number, default)(number, text)


def lost(during: str = "query") -> pymysql.err.MySQLError:
    """The connection is gone, and with it the answer."""
    return pymysql.err.OperationalError(2013, f"Lost connection to MySQL server during {during}")


def closed() -> pymysql.err.MySQLError:
    """The connection was closed before."""
    return pymysql.err.InterfaceError(0, "")
