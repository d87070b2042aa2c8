"""A writer that now and then dies of `kill -9` between commit and acknowledgement, the worst possible moment."""

import os
import random
import signal
from pathlib import Path

from holdfast.services.writer import app
from holdfast.services.writer.__main__ import main
from holdfast.services.writer.pipeline import Handled
from holdfast.services.writer.settle import Settler
from holdfast.shared.writes.outcome import Applied, Rejected, Superseded

#: The share of batches after which it dies, and the file that gets a line per death: the number of writes that were
#: committed and not acknowledged. A file `calm` beside it keeps the writer alive.
SHARE, LOG, CALM = "HALF_DONE_SHARE", "HALF_DONE_LOG", "calm"


class DyingSettler(Settler):
    """Settles a batch, unless it dies before."""

    async def __call__(self, handled: list[Handled]) -> None:
        """Settle a batch, or die."""
        committed = sum(isinstance(one.outcome, Applied | Superseded | Rejected) for one in handled)
        log = Path(os.environ[LOG])
        dies = not log.exists() or random.random() < float(os.environ[SHARE])  # the first batch always
        if committed and dies and not log.with_name(CALM).exists():
            with log.open("a") as file:
                file.write(f"{committed}\n")
            os.kill(os.getpid(), signal.SIGKILL)
        await super().__call__(handled)


if __name__ == "__main__":
    app.Settler = DyingSettler  # type: ignore[attr-defined, misc]
    main()
