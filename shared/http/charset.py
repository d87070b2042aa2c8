"""Charset: which alphabet a Content-Type names. JSON is UTF-8 (RFC 8259, 8.1), whatever else may be written."""

from email.message import Message

#: ASCII is UTF-8 too.
_UTF_8 = {"utf-8", "utf8", "us-ascii", "ascii"}


def is_utf_8(content_type: str) -> bool:
    """Whether it names UTF-8, or nothing."""
    if "charset" not in content_type.lower():
        return True
    header = Message()
    header["Content-Type"] = content_type
    return str(header.get_param("charset", "utf-8")).strip().lower() in _UTF_8
