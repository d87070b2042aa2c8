"""A writer that is killed with SIGKILL whenever one of its transactions holds a user called `Killer`."""

import os
import signal

from holdfast.services.writer.__main__ import main
from holdfast.shared.store import apply as store
from holdfast.shared.store.apply import Changed
from holdfast.shared.store.engine import Engine
from holdfast.shared.writes.decide import Delivery, Patience
from holdfast.shared.writes.outcome import Outcome

_apply = store.apply


def _deadly(
    engine: Engine,
    batch: list[Delivery],
    patient: Patience,
    changed: Changed,
    *,
    past_locks: bool = False,
) -> list[Outcome]:
    if any(delivery.write.command.values.get("name") == "Killer" for delivery in batch):
        os.kill(os.getpid(), signal.SIGKILL)
    return _apply(engine, batch, patient, changed, past_locks=past_locks)


if __name__ == "__main__":
    store.apply = _deadly
    main()
