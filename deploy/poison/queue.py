"""Queue: adds entries to Redis streams in the RESP protocol, so that no client has to be installed."""

import socket
from collections.abc import Iterable, Mapping, Sequence
from typing import BinaryIO

from deploy.local.output import Problem

_TIMEOUT_S = 5.0
_BATCH = 500


#: A stream, and the fields of an entry.
Entry = tuple[str, Mapping[str, bytes]]


def put(address: tuple[str, int], login: tuple[str, str], entries: Sequence[Entry]) -> None:
    """Add these entries in order. `login`: name and password. Raises Problem."""
    try:
        with socket.create_connection(address, _TIMEOUT_S) as connection, connection.makefile("rb") as answers:
            connection.sendall(_command((b"AUTH", *(word.encode() for word in login))))
            _answer(answers, b"+")
            for at in range(0, len(entries), _BATCH):
                batch = entries[at : at + _BATCH]
                connection.sendall(b"".join(_command(_words(stream, fields)) for stream, fields in batch))
                for _ in batch:
                    _answer(answers, b"$")
                    answers.readline()  # the entry's id
    except OSError as error:
        raise Problem(f"the queue does not answer on port {address[1]}: {error}", "make status") from error


def _answer(answers: BinaryIO, kind: bytes) -> None:
    """Read the first line of an answer. Raises Problem."""
    head = answers.readline()
    if not head.startswith(kind):
        raise Problem(f"the queue refuses: {head.decode(errors='replace').strip() or 'it hung up'}")


def _words(stream: str, fields: Mapping[str, bytes]) -> Iterable[bytes]:
    yield from (b"XADD", stream.encode(), b"*")
    for name, value in fields.items():
        yield from (name.encode(), value)


def _command(words: Iterable[bytes]) -> bytes:
    parts = [b"$%d\r\n%b\r\n" % (len(word), word) for word in words]
    return b"*%d\r\n%b" % (len(parts), b"".join(parts))
