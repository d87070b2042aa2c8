"""Bounds: limits of the HTTP server on what one client, or all clients, may use before a request is even parsed."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """Limits of an HTTP server. Sizes are per request, times in seconds."""

    #: The head, that is, everything before the body: method, target and headers.
    head_bytes: int = 16 * 1024
    target_bytes: int = 8 * 1024
    headers_max: int = 100
    #: A body on the wire, including chunk sizes, extensions and trailers.
    wire_bytes: int = 1024 * 1024
    #: A refused body up to this size is read to its end, so that the connection can be used again.
    drain_bytes: int = 64 * 1024
    #: Pipelined requests on one connection that wait for an answer.
    pipelined_max: int = 16
    #: The time for the whole head, from the connection or from its first byte; then the time for the whole body.
    head_s: float = 10.0
    body_s: float = 10.0
    #: Paths with large bodies, and the time for such a body.
    slow_paths: frozenset[bytes] = frozenset()
    slow_body_s: float = 10.0
    #: The time within which a client has to continue reading its answer.
    write_s: float = 30.0
    idle_s: float = 30.0
    #: The time for a client that is still sending to read why it was refused.
    linger_s: float = 2.0
    connections_max: int = 2000
    #: Additional connections, for health and metrics only.
    connections_kept: int = 64

    def body_s_at(self, target: bytes) -> float:
        """Return the time limit of a body for `target`, in seconds."""
        return self.slow_body_s if target.partition(b"?")[0] in self.slow_paths else self.body_s
