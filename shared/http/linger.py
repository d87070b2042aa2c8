"""Linger: sends an answer whole, and closes a connection so that the client can still read the answer.

uvicorn writes the head of an answer and its body one after the other, and uvloop sends each at once. A process that is
killed in between has begun an answer, so no proxy can send the request to another process. Therefore the head waits for
the first piece of its body, until the loop's next turn at most.

When a socket is closed with unread bytes in it, the kernel resets the connection, and the reset destroys the answer
that the client has not read yet. So our half is closed first, and incoming bytes are dropped for a moment.
"""

import asyncio
from collections.abc import Callable


class LingeringTransport:
    """The part of a transport that uvicorn uses, with other versions of `write` and `close`. `unread()`: whether the
    client is still sending."""

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
        #: The head of an answer that has no body yet.
        self._head = b""
        # Bound once, because they are called for every answer.
        self.pause_reading = raw.pause_reading
        self.resume_reading = raw.resume_reading
        self.get_extra_info = raw.get_extra_info

    def write(self, data: bytes) -> None:
        """Send a piece of an answer. A head is held until its body, or the loop's next turn."""
        if self.closing:
            return
        if self._head:
            head, self._head = self._head, b""
            self._raw.writelines((head, data))
        elif data.startswith(b"HTTP/"):
            self._head = data
            self._loop.call_soon(self._send_head)
        else:
            self._raw.write(data)

    def _send_head(self) -> None:
        if self._head:
            head, self._head = self._head, b""
            self._raw.write(head)

    def is_closing(self) -> bool:
        """Return whether nothing more will be written."""
        return self.closing or self._raw.is_closing()

    def close(self) -> None:
        """Send what was written, then close; after at most `linger_s` if the client goes on sending, or does not
        read."""
        if self.is_closing():
            return
        self._send_head()
        self.closing = True
        if self._unread():
            self._raw.write_eof()
        else:
            self._raw.close()
            if not self._raw.get_write_buffer_size():
                return
        self._end = self._loop.call_later(self._linger_s, self._raw.abort)

    def abort(self) -> None:
        """Close at once. Data that were not sent are lost."""
        self.closing = True
        self._head = b""
        self._raw.abort()

    def lost(self) -> None:
        """Clean up after the connection is gone."""
        self._head = b""
        if self._end is not None:
            self._end.cancel()
