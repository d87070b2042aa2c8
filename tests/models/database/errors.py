"""Errors, as PyMySQL raises them."""

import pymysql


def error(number: int, text: str) -> pymysql.err.MySQLError:
    """Return the driver's exception for a server's error number, which it reads as a signed number of 16 bits."""
    number = (number + 0x8000) % 0x10000 - 0x8000
    default = pymysql.err.InternalError if number < 1000 else pymysql.err.OperationalError
    return pymysql.err.error_map.get(number, default)(number, text)


def lost(during: str = "query") -> pymysql.err.MySQLError:
    """Return the error for a lost connection, whose last answer is lost too."""
    return pymysql.err.OperationalError(2013, f"Lost connection to MySQL server during {during}")


def closed() -> pymysql.err.MySQLError:
    """Return the error for a connection that was closed before."""
    return pymysql.err.InterfaceError(0, "")
