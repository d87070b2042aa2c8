"""Progress: no step of more than two seconds is silent. A terminal gets one line that counts, a file gets lines at
growing intervals."""

import contextlib
import sys
import threading
import time
from collections.abc import Iterator

_SILENT_S = 2.0
_TERMINAL_EVERY_S = 1.0
#: First interval between lines in a file. Each next one is twice as long.
_FILE_EVERY_S = 10.0


@contextlib.contextmanager
def during(what: str, usual_s: float | None = None) -> Iterator[None]:
    """Report how long `what` has taken while the block runs. `usual_s`: what it takes on a small machine."""
    over = threading.Event()
    thread = threading.Thread(target=_count, args=(what, usual_s, over), name=f"progress of {what}", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _count(what: str, usual_s: float | None, over: threading.Event) -> None:
    began = time.monotonic()
    terminal = sys.stderr.isatty()
    pause, shown = _SILENT_S, False
    while not over.wait(pause):
        of = f" of about {usual_s:.0f}" if usual_s else ""
        text = f"  {what}: {time.monotonic() - began:.0f}{of} s"
        _write(f"\r\033[K{text}" if terminal else f"{text}\n")
        pause = _TERMINAL_EVERY_S if terminal else _FILE_EVERY_S if not shown else pause * 2
        shown = True
    if shown and terminal:
        _write("\r\033[K")


def _write(text: str) -> None:
    with contextlib.suppress(OSError, ValueError):
        sys.stderr.write(text)
        sys.stderr.flush()
