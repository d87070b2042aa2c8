"""A dlq_admin that is killed with SIGKILL between commit and acknowledgement, once."""

import os
import signal
import sys

from holdfast.services.dlq_admin.__main__ import main
from holdfast.services.dlq_admin.letters.indexer import Indexer
from holdfast.shared.letters.letter import Letter
from holdfast.shared.queue.partitions import Partition


async def _die(self: Indexer, partition: Partition, letters: list[Letter]) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    Indexer._take_off = _die  # type: ignore[method-assign]
    sys.exit(main())
