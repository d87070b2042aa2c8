"""Log lines: on their way to stdout, in a thread of their own. Who reads stdout may stop reading, as with a full pipe
or a disk that hangs: then lines wait, and beyond a bound they are dropped and counted. The service goes on."""

import logging
import os
import threading
from queue import SimpleQueue

from holdfast.shared.telemetry import metrics

#: Lines that wait at most, and how long the end of the process waits for them.
WAITING_MAX = 2000
_FLUSH_S = 1.0


class LogLines(logging.Handler):
    """Writes each record to the file with this number, and never waits for it."""

    def __init__(self, file: int) -> None:
        super().__init__()
        self._file = file
        #: An event is set when its turn comes. Unlike `Queue` it takes a line from wherever one is logged.
        self._waiting: SimpleQueue[bytes | threading.Event] = SimpleQueue()
        threading.Thread(target=self._write_all, name="log lines", daemon=True).start()

    def emit(self, record: logging.LogRecord) -> None:
        """Put it behind those that wait, if there is room."""
        if self._waiting.qsize() >= WAITING_MAX:
            metrics.log_lines_dropped.inc()
            return
        try:
            self._waiting.put(f"{self.format(record)}\n".encode(errors="backslashreplace"))
        except Exception:  # noqa: BLE001 - a record that cannot be formatted, as every handler treats it
            self.handleError(record)

    def flush(self) -> None:
        """Wait until what waits now is written, for a moment at most."""
        written = threading.Event()
        self._waiting.put(written)
        written.wait(_FLUSH_S)

    def _write_all(self) -> None:
        while True:
            match self._waiting.get():
                case threading.Event() as written:
                    written.set()
                case line:
                    self._write(line)

    def _write(self, line: bytes) -> None:
        try:
            while line:
                line = line[os.write(self._file, line) :]
        except OSError:  # nobody will ever read it, or its disk is full
            metrics.log_lines_dropped.inc()
