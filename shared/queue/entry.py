"""Entry: the content of a stream under one id."""

from collections.abc import Mapping
from typing import NamedTuple

from holdfast.shared.queue.partitions import QUEUE, Partition


class Entry(NamedTuple):
    """One entry of a stream, undecoded."""

    id: str
    fields: Mapping[bytes, bytes]
    #: The partition whose stream the entry is on.
    partition: Partition = QUEUE
