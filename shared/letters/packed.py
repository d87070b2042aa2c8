"""Packed: reads the list of strings into which `settle.lua` packs an entry with more fields than Lua can pass on."""

_FIX_ARRAY, _FIX_STRING = 0x90, 0xA0
_LENGTH_BYTES = {0xDC: 2, 0xDD: 4, 0xD9: 1, 0xDA: 2, 0xDB: 4, 0xC4: 1, 0xC5: 2, 0xC6: 4}


def unpack(packed: bytes) -> list[bytes]:
    """Return the packed strings. Raises ValueError for anything that is not exactly one list of strings."""
    count, at = _head(packed, 0, _FIX_ARRAY, 16)
    strings = []
    for _ in range(count):
        length, at = _head(packed, at, _FIX_STRING, 32)
        if at + length > len(packed):
            raise ValueError("it ends in the middle of a string")
        strings.append(packed[at : at + length])
        at += length
    if at != len(packed):
        raise ValueError("something follows the list")
    return strings


def _head(packed: bytes, at: int, fix: int, fix_room: int) -> tuple[int, int]:
    """Return (length, start of the content) from the head of a list or string."""
    kind = packed[at] if at < len(packed) else -1
    if fix <= kind < fix + fix_room:
        return kind - fix, at + 1
    width = _LENGTH_BYTES.get(kind)
    if width is None or at + 1 + width > len(packed):
        raise ValueError("not a list of strings")
    return int.from_bytes(packed[at + 1 : at + 1 + width], "big"), at + 1 + width
