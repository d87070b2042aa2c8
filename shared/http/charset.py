"""Charset of a Content-Type. JSON is always UTF-8 (RFC 8259, 8.1)."""

from email.message import Message

#: ASCII is a subset of UTF-8.
_UTF_8 = {"utf-8", "utf8", "us-ascii", "ascii"}


def is_utf_8(content_type: str) -> bool:
    """Whether it names UTF-8, or no charset."""
    if "charset" not in content_type.lower():
        return True
    header = Message()
    header["Content-Type"] = content_type
    return str(header.get_param("charset", "utf-8")).strip().lower() in _UTF_8
