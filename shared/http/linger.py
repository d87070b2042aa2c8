"""Linger: closing a connection so that the other side can still read why.

When a socket is closed while bytes lie in it unread, the kernel resets the connection, and the reset destroys the
answer that the client has not read yet. So our half is closed first, and what still arrives is dropped for a moment.
"""

import asyncio
from collections.abc import Callable


class LingeringTransport:
    """What uvicorn uses of a transport, with another `close`. `unread()` tells whether the client is still sending."""

    def __init__(
        self,
        raw: asyncio.Transport,
        loop: asyncio.AbstractEventLoop,
        linger_s: float,
        unread: Callable[[], bool],
    ) -> None:
        self._raw = raw
        self._loop = loop
        self._linger_s = linger_s
        self._unread = unread
        #: Whether `close` or `abort` was called.
        self.closing = False
        self._end: asyncio.TimerHandle | None = None
        # Bound here: they are called for every answer.
        self.write: Callable[[bytes], None] = raw.write
        self.pause_reading = raw.pause_reading
        self.resume_reading = raw.resume_reading
        self.get_extra_info = raw.get_extra_info

    def is_closing(self) -> bool:
        """Whether nothing more is to be written."""
        return self.closing or self._raw.is_closing()

    def close(self) -> None:
        """Send what was written, then close; with a client that goes on sending, or does not read, after `linger_s`."""
        if self.is_closing():
            return
        self.closing = True
        if self._unread():
            self._raw.write_eof()
            self.write = _drop
        else:
            self._raw.close()
            if not self._raw.get_write_buffer_size():
                return
        self._end = self._loop.call_later(self._linger_s, self._raw.abort)

    def abort(self) -> None:
        """Close now; what was not sent is lost."""
        self.closing = True
        self._raw.abort()

    def lost(self) -> None:
        """The connection is gone."""
        if self._end is not None:
            self._end.cancel()


def _drop(_data: object) -> None:
    """Our half is closed."""
