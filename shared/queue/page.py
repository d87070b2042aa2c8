"""Page: how many entries one reply may bring. A reply has to arrive whole within the time for one, so what bounds it is
how long an entry of the declared resources may be."""

from functools import cache

from holdfast.shared.domain.registry import domain

_REPLY_MAX_BYTES = 32 << 20
#: Of UTF-8, for a character.
_CHAR_BYTES = 4
#: Of an entry, besides its texts: ids, names, numbers.
_OTHER_BYTES = 2_000


@cache
def page(most: int) -> int:
    """At most `most`, and at least one."""
    longest = max(sum(field.type.column.size for field in each.fields) for each in domain().resources)
    return max(1, min(most, _REPLY_MAX_BYTES // (_CHAR_BYTES * longest + _OTHER_BYTES)))
