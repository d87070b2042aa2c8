"""Page: how many entries one reply may hold. A whole reply has to arrive within the timeout of one call, so the page
size follows from the longest entry that the declared resources allow."""

from functools import cache

from holdfast.shared.domain.registry import domain

_REPLY_MAX_BYTES = 32 << 20
#: Most bytes of a character in UTF-8.
_CHAR_BYTES = 4
#: Bytes of an entry besides its texts: ids, names, numbers.
_OTHER_BYTES = 2_000


@cache
def page_size(most: int) -> int:
    """Return the number of entries per reply: at least one, and at most `most`."""
    longest = max(sum(field.type.column.size for field in each.fields) for each in domain().resources)
    return max(1, min(most, _REPLY_MAX_BYTES // (_CHAR_BYTES * longest + _OTHER_BYTES)))
