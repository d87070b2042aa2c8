"""Connection: one client of the model, as a protocol of asyncio."""

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

import hiredis

from tests.models.redis.execute import resolve
from tests.models.redis.reads import Wait
from tests.models.redis.replication import LOOK_S
from tests.models.redis.reply import OK, Failure, Flat, Push, Simple, encode

if TYPE_CHECKING:
    from tests.models.redis.server import RedisModel

_LOADABLE = frozenset((b"HELLO", b"AUTH", b"QUIT", b"CLIENT", b"SELECT", b"SUBSCRIBE", b"UNSUBSCRIBE"))


class Connection(asyncio.Protocol):
    """Runs a client's commands one after the other. While one waits, the later ones wait too."""

    def __init__(self, server: "RedisModel") -> None:
        self._server = server
        self._requests = hiredis.Reader()
        self._transport: asyncio.Transport | None = None
        self._waits: tuple[Wait, Sequence[bytes]] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._queue: list[Sequence[bytes]] | None = None
        self._broken = False
        #: Whether the next command may use a key of a slot that is being moved to this server.
        self._asking = False
        self._taking = False
        self.channels: dict[bytes, None] = {}
        self.version = 2
        self.id = server.next_id()
        #: When the last command came that may change something.
        self._written_s = float("-inf")

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Register the client."""
        self._transport = cast(asyncio.Transport, transport)
        self._server = self._server.reached_by((transport.get_extra_info("peername") or ("",))[0])
        self._server.connected(self)

    def connection_lost(self, error: Exception | None) -> None:
        """Remove the client."""
        self._transport = None
        self._end_wait()
        self._server.disconnected(self)

    def data_received(self, data: bytes) -> None:
        """Parse bytes of commands, and run complete ones."""
        self._requests.feed(data)
        self.take()

    def take(self) -> None:
        """Run the commands that have arrived."""
        if self._taking:
            return
        self._taking = True
        replies: list[bytes] = []
        try:
            while self._transport and not self._waits and not self._server.frozen:
                try:
                    parts = self._requests.gets()
                except hiredis.ProtocolError:
                    self._transport.write(b"-ERR Protocol error\r\n")
                    self.abort()
                    return
                if parts is False:
                    break
                reply = self._reply(parts)
                if not isinstance(reply, _NO_ANSWER):
                    replies.append(encode(reply, self.version))
                if self._server.space.changed:
                    # Waiting clients are served after what was answered here.
                    self._write(replies)
                    replies = []
                    self._server.serve()
        finally:
            self._taking = False
        self._write(replies)

    def _write(self, replies: list[bytes]) -> None:
        if replies and self._transport:
            self._transport.write(b"".join(replies))

    def _reply(self, parts: Sequence[bytes]) -> Any:
        name = parts[0].upper()
        try:
            reply = self._run(name, parts)
        except Failure as failure:
            if self._queue is not None and name != b"EXEC":
                self._broken = True
            return failure
        if isinstance(reply, Wait) and not self._waits:
            self._wait(reply, parts)
        return reply

    def _run(self, name: bytes, parts: Sequence[bytes]) -> Any:
        if self._server.executor.state.loading and name not in _LOADABLE:
            self._queue = None
            raise Failure("LOADING Redis is loading the dataset in memory")
        if self._server.cluster:
            if name in (b"CLUSTER", b"ASKING"):
                self._asking = name == b"ASKING"
                return OK if self._asking else self._server.cluster.answer(self._server, parts[1:])
            asking, self._asking = self._asking, False
            self._server.cluster.check(self._server, [parts], asking=asking)
        if name in (b"MULTI", b"EXEC", b"DISCARD"):
            return self._transaction(name)
        if self._queue is not None:
            if name not in (b"EVAL", b"EVALSHA", b"PUBLISH"):
                command, args = resolve(parts)
                command.check(args)
            self._queue.append(parts)
            return Simple("QUEUED")
        if own := _OWN.get(name):
            return own(self, parts[1:])
        self._written_s = self._server.now_s
        return self._server.run(parts)

    def _transaction(self, name: bytes) -> Any:
        if name == b"MULTI":
            if self._queue is not None:
                raise Failure("ERR MULTI calls can not be nested")
            self._queue, self._broken = [], False
            return OK
        queue, self._queue = self._queue, None
        if queue is None:
            raise Failure(f"ERR {name.decode()} without MULTI")
        if name == b"DISCARD":
            return OK
        if self._broken:
            raise Failure("EXECABORT Transaction discarded because of previous errors.")
        if self._server.cluster:
            self._server.cluster.check(self._server, queue, asking=False)
        return [self._part(parts) for parts in queue]

    def _part(self, parts: Sequence[bytes]) -> Any:
        try:
            reply = self._server.run(parts)
        except Failure as failure:
            return failure
        return None if isinstance(reply, Wait) else reply

    def _hello(self, args: Sequence[bytes]) -> Any:
        if args and args[0] not in (b"2", b"3"):
            raise Failure("NOPROTO unsupported protocol version")
        self.version = int(args[0]) if args else self.version
        return Flat([
            b"server", b"redis", b"version", b"7.0.15", b"proto", self.version, b"id", self.id, b"mode", b"standalone",
            b"role", b"replica" if self._server.executor.state.replica else b"master", b"modules", [],
        ])  # fmt: skip

    def _ping(self, args: Sequence[bytes]) -> Any:
        if self.channels and self.version == 2:
            return Push([b"pong", args[0] if args else b""])
        return args[0] if args else Simple("PONG")

    def _select(self, args: Sequence[bytes]) -> Any:
        if args[0] != b"0":
            raise Failure("ERR DB index is out of range")
        return OK

    def _auth(self, _args: Sequence[bytes]) -> Any:
        return OK

    def _await_replicas(self, args: Sequence[bytes]) -> Any:
        """Answer WAIT: the number of replicas that have what this client wrote, once it is at least so many or the time
        is over."""
        wanted, timeout_ms = int(args[0]), int(args[1])
        have = self._server.replication.count(self._written_s)
        if have >= wanted:
            return have
        wait = Wait((), timeout_ms, lambda: None)
        self._waits = wait, (b"WAIT", *args)
        self._look_again(wanted, self._server.now_s + timeout_ms / 1000)
        return wait

    def _look_again(self, wanted: int, until_s: float) -> None:
        def look() -> None:
            self._timer = None
            have = self._server.replication.count(self._written_s)
            if not self._server.frozen and (have >= wanted or self._server.now_s >= until_s):
                self.answer(have)
            else:
                self._look_again(wanted, until_s)

        self._timer = asyncio.get_running_loop().call_later(LOOK_S, look)

    def _client(self, args: Sequence[bytes]) -> Any:
        match args[0].upper():
            case b"ID":
                return self.id
            case b"LIST":
                return self._server.clients()
        return OK

    def described(self) -> str:
        """Return its line in CLIENT LIST."""
        return f"id={self.id} flags={'b' if self._waits else 'N'} resp={self.version}\n"

    def _subscribe(self, args: Sequence[bytes]) -> Any:
        for channel in args:
            self.channels[channel] = None
            self._push([b"subscribe", channel, len(self.channels)])
        return _PUSHED

    def _unsubscribe(self, args: Sequence[bytes]) -> Any:
        for channel in args or list(self.channels) or [None]:
            self.channels.pop(channel, None)
            self._push([b"unsubscribe", channel, len(self.channels)])
        return _PUSHED

    def message(self, channel: bytes, text: bytes) -> bool:
        """Send a message if the client subscribes to the channel, and return whether it does."""
        if channel not in self.channels:
            return False
        self._push([b"message", channel, text])
        return True

    def _push(self, parts: list[Any]) -> None:
        self._write([encode(Push(parts), self.version)])

    @property
    def wait(self) -> tuple[Wait, Sequence[bytes]]:
        """Wait, with the command that waits."""
        assert self._waits
        return self._waits

    def _wait(self, wait: Wait, parts: Sequence[bytes]) -> None:
        self._waits = wait, parts
        self._server.waiting[self] = None
        if wait.timeout_ms:
            self._timer = asyncio.get_running_loop().call_later(wait.timeout_ms / 1000, self._timed_out)

    def _end_wait(self) -> None:
        self._waits = None
        self._server.waiting.pop(self, None)
        if self._timer:
            self._timer.cancel()
            self._timer = None

    def _timed_out(self) -> None:
        self._timer = None
        if not self._server.frozen:
            self.answer(None)

    def answer(self, reply: Any) -> None:
        """End the wait with this answer."""
        self._end_wait()
        self._write([encode(reply, self.version)])
        asyncio.get_running_loop().call_soon(self.take)

    def thaw(self) -> None:
        """Run what arrived while the server was frozen."""
        if self._waits and self._waits[0].timeout_ms and not self._timer:
            self.answer(None)
        self.take()

    def abort(self) -> None:
        """Reset the connection, as when the server is gone."""
        if self._transport:
            self._transport.abort()


class _Pushed:
    """The reply of a command whose replies have already been pushed."""


_PUSHED = _Pushed()
_NO_ANSWER = (Wait, _Pushed)
_OWN = {
    b"HELLO": Connection._hello,
    b"PING": Connection._ping,
    b"SELECT": Connection._select,
    b"AUTH": Connection._auth,
    b"CLIENT": Connection._client,
    b"SUBSCRIBE": Connection._subscribe,
    b"UNSUBSCRIBE": Connection._unsubscribe,
    b"WAIT": Connection._await_replicas,
}
