"""Entry: what a stream holds under one id."""

from collections.abc import Mapping
from typing import NamedTuple


class Entry(NamedTuple):
    """One entry of a stream, undecoded."""

    id: str
    fields: Mapping[bytes, bytes]
