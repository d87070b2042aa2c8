"""Linger: close a connection so that the client can still read the answer.

When a socket is closed with unread bytes in it, the kernel resets the connection, and the reset destroys the answer
that the client has not read yet. So our half is closed first, and what still arrives is dropped for a moment.
"""

import asyncio
from collections.abc import Callable


class LingeringTransport:
    """The part of a transport that uvicorn uses, with another `close`. `unread()`: whether the client still sends."""

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
        # Bound once, as they are called for every answer.
        self.write: Callable[[bytes], None] = raw.write
        self.pause_reading = raw.pause_reading
        self.resume_reading = raw.resume_reading
        self.get_extra_info = raw.get_extra_info

    def is_closing(self) -> bool:
        """Whether nothing more will be written."""
        return self.closing or self._raw.is_closing()

    def close(self) -> None:
        """Send what was written, then close; after `linger_s` if the client goes on sending, or does not read."""
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
        """Close at once; what was not sent is lost."""
        self.closing = True
        self._raw.abort()

    def lost(self) -> None:
        """The connection is gone."""
        if self._end is not None:
            self._end.cancel()


def _drop(_data: object) -> None:
    """Our half is closed."""
