"""Log lines: writes log lines to stdout from a thread of their own. The reader of stdout may stop reading, as with
a full pipe or a disk that hangs. Lines then wait, and beyond a bound they are dropped and counted. The service goes
on."""

import logging
import os
import threading
from queue import SimpleQueue

from holdfast.shared.telemetry import metrics

#: Maximum number of waiting lines, and how long the end of the process waits for them.
WAITING_MAX = 2000
_FLUSH_S = 1.0


class LogLines(logging.Handler):
    """Writes each record to the file descriptor `file`, without ever blocking the logging thread."""

    def __init__(self, file: int) -> None:
        super().__init__()
        self._file = file
        #: Whether the file ends within a line.
        self._cut = False
        #: A queued event is set when the writer reaches it. Unlike `Queue`, `SimpleQueue` is reentrant, so any code may
        #: log.
        self._waiting: SimpleQueue[bytes | threading.Event] = SimpleQueue()
        threading.Thread(target=self._write_all, name="log lines", daemon=True).start()

    def emit(self, record: logging.LogRecord) -> None:
        """Queue the record's line, or drop and count it if the queue is full."""
        if self._waiting.qsize() >= WAITING_MAX:
            metrics.log_lines_dropped.inc()
            return
        try:
            self._waiting.put(f"{self.format(record)}\n".encode(errors="backslashreplace"))
        except Exception:  # noqa: BLE001 - handled as in every handler: a record may fail to format
            self.handleError(record)

    def flush(self) -> None:
        """Wait until the lines queued so far are written, for at most a second."""
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
        if self._cut:
            line = b"\n" + line
        try:
            while line:
                written = os.write(self._file, line)
                line = line[written:]
                self._cut = bool(line)
        except OSError:  # the other end of the pipe is closed, or the disk is full
            metrics.log_lines_dropped.inc()
