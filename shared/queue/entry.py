"""Entry: what a stream holds under one id."""

from collections.abc import Mapping
from typing import NamedTuple

from holdfast.shared.queue.partitions import QUEUE, Partition


class Entry(NamedTuple):
    """One entry of a stream, undecoded."""

    id: str
    fields: Mapping[bytes, bytes]
    #: Whose stream it is on.
    partition: Partition = QUEUE
