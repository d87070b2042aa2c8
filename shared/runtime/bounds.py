"""Bounds: how much of a server one client, or all of them together, may take up before a request is even understood."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """Sizes are per request, times in seconds."""

    #: Everything before the body: method, target and headers.
    head_bytes: int = 16 * 1024
    target_bytes: int = 8 * 1024
    headers_max: int = 100
    #: What a body may take on the wire, chunk sizes, extensions and trailers included.
    wire_bytes: int = 1024 * 1024
    #: A body no longer than this is read to its end even if it was refused, so that the connection can be used again.
    drain_bytes: int = 64 * 1024
    #: Requests on one connection that wait for the answers before them.
    pipelined_max: int = 16
    #: From the connection, or from the first byte, to the last of the head; then to the last of the body.
    head_s: float = 10.0
    body_s: float = 10.0
    #: Paths whose bodies may be large, and how long these may take.
    slow_paths: frozenset[bytes] = frozenset()
    slow_body_s: float = 10.0
    #: How long an answer may wait for a client that does not read it.
    write_s: float = 30.0
    idle_s: float = 30.0
    #: How long a client that is still sending gets to read why it was refused.
    linger_s: float = 2.0
    connections_max: int = 2000
    #: Connections above that, for the paths below alone.
    connections_kept: int = 64
    kept_paths: frozenset[bytes] = frozenset({b"/livez", b"/readyz", b"/health", b"/metrics"})

    def body_s_at(self, target: bytes) -> float:
        """How long the body of a request for `target` may take."""
        return self.slow_body_s if target.partition(b"?")[0] in self.slow_paths else self.body_s
