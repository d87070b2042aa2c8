"""Subscribe: receives the new entries of a stream through FastStream. It hands over each batch undecoded, because one
bad entry would fail the whole batch inside FastStream's own parser."""

import logging
from collections.abc import Awaitable, Callable
from typing import Any

from faststream import AckPolicy, FastStream
from faststream.redis import RedisBroker, StreamSub
from redis.asyncio.connection import AbstractConnection
from redis.exceptions import OutOfMemoryError, RedisError, ResponseError

from holdfast.shared.connections.address import parse_redis
from holdfast.shared.connections.redis import RedisTimeouts, connection_options, text
from holdfast.shared.queue.entry import Entry
from holdfast.shared.queue.page import page_size
from holdfast.shared.queue.partitions import QUEUE, Partition
from holdfast.shared.queue.watch import Watch

Handle = Callable[[list[Entry]], Awaitable[None]]


def _noting(kind: type[AbstractConnection], watch: Watch) -> type[AbstractConnection]:
    """Return a connection class that reports every read to the watch. An empty read is progress too, and a refused read
    has an error that matters, but FastStream reports neither.

    FastStream creates the group before it reads. The group exists already, but a full Redis refuses the command without
    a look. The connection then raises the error for a group that exists, which FastStream handles.
    """

    class NotingConnection(kind):  # type: ignore[misc, valid-type]  # the base class is known only at run time
        _reads = False

        async def send_command(self, *args: Any, **kwargs: Any) -> None:
            self._reads = args[0] == "XREADGROUP"
            await super().send_command(*args, **kwargs)

        async def read_response(self, *args: Any, **kwargs: Any) -> Any:
            try:
                response = await super().read_response(*args, **kwargs)
            except OutOfMemoryError as full:
                raise ResponseError("the group already exists") from full
            except (RedisError, OSError) as error:
                if self._reads:
                    watch.failed(error)
                raise
            if self._reads:
                watch.alive()
            return response

    return NotingConnection


async def _opaque_parser(message: Any, original: Callable[[Any], Awaitable[Any]]) -> Any:
    parsed = await original({**message, "data": []})
    parsed.raw_message = message
    return parsed


async def _opaque_decoder(message: Any) -> Any:
    return message.raw_message


def _logger() -> logging.Logger:
    """Return FastStream's logger, with its plain-text handler removed, so that its records go where all logs go. Only
    warnings pass: it logs every batch, and our metrics count batches already."""
    logger = logging.getLogger("faststream")
    logger.handlers.clear()
    logger.propagate = True
    logger.setLevel(logging.WARNING)
    return logger


def subscriber_app(
    address: str,
    stream: str,
    group: str,
    consumer: str,
    handle: Handle,
    watch: Watch,
    *,
    batch_max: int,
    block_ms: int,
    timeout_s: float,
    partition: Partition = QUEUE,
) -> FastStream:
    """Return a FastStream application that reads `stream`, of `partition`, as `consumer` of `group`. It reports the
    result of each read to `watch`."""
    options = connection_options(parse_redis(address), RedisTimeouts(timeout_s, timeout_s), stream)
    kind = _noting(options.pop("connection_class"), watch)
    broker = RedisBroker(
        socket_timeout=timeout_s,
        connection_class=kind,  # type: ignore[arg-type]  # a Unix socket's class is not a TCP class, but works too
        **options,
        logger=_logger(),
        apply_types=False,  # otherwise each argument would be resolved in a thread
    )
    subscription = StreamSub(
        stream,
        group=group,
        consumer=consumer,
        batch=True,
        max_records=page_size(batch_max),
        polling_interval=block_ms,
    )

    @broker.subscriber(stream=subscription, parser=_opaque_parser, decoder=_opaque_decoder, ack_policy=AckPolicy.MANUAL)
    async def on_batch(raw: Any) -> None:
        ids, fields = raw["message_ids"], raw["data"]
        await handle([Entry(text(id), entry, partition) for id, entry in zip(ids, fields, strict=True)])

    return FastStream(broker, logger=None)
