"""Faults: everything that is wrong with the connections now, as data. `Faults()` is no fault."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Literal, Self, get_args

Way = Literal["up", "down"]
Then = Literal["reset", "hang"]

_DELAY_MAX_MS = 600_000


class InvalidFaults(ValueError):
    """These faults are not possible. The message says which and why."""


@dataclass(frozen=True, slots=True)
class WayFaults:
    """The faults of one direction."""

    latency_ms: float = 0
    #: A random amount up to this is added to the latency, or subtracted. The order of bytes stays.
    jitter_ms: float = 0
    #: Bandwidth limit; 0 for none.
    bytes_per_s: int = 0
    #: Bytes and the end of the stream are held until the fault ends, as by a network that drops packets.
    blackhole: bool = False
    #: Pass so many more bytes of each connection, then reset it; None for no limit.
    cut_after_bytes: int | None = None

    def __post_init__(self) -> None:
        for name in ("latency_ms", "jitter_ms"):
            value = getattr(self, name)
            if not _is_number(value) or not 0 <= value <= _DELAY_MAX_MS:
                raise InvalidFaults(f"{name} must be a number from 0 to {_DELAY_MAX_MS}, not {value!r}")
        if not _is_count(self.bytes_per_s):
            raise InvalidFaults(f"bytes_per_s must be a whole number from 0, not {self.bytes_per_s!r}")
        if self.cut_after_bytes is not None and not _is_count(self.cut_after_bytes):
            raise InvalidFaults(f"cut_after_bytes must be a whole number from 0 or null, not {self.cut_after_bytes!r}")
        if not isinstance(self.blackhole, bool):
            raise InvalidFaults(f"blackhole must be true or false, not {self.blackhole!r}")


@dataclass(frozen=True, slots=True)
class LoseReply:
    """Loses replies: the command arrives and is executed, and its reply is lost. For protocols with one command in
    flight per connection, such as MySQL's and our use of Redis."""

    #: The commands that are affected: those that contain this text on the wire.
    to: str
    #: The number of the first reply that is lost, counted over all connections since the fault was set.
    nth: int = 1
    #: The number of consecutive replies that are lost.
    times: int = 1
    #: What the client sees: a reset, or no reply at all.
    then: Then = "reset"

    def __post_init__(self) -> None:
        if not isinstance(self.to, str) or not self.to:
            raise InvalidFaults(f"lose_reply.to must be text of the command, not {self.to!r}")
        for name in ("nth", "times"):
            if not _is_count(getattr(self, name)) or getattr(self, name) == 0:
                raise InvalidFaults(f"lose_reply.{name} must be a whole number from 1, not {getattr(self, name)!r}")
        if self.then not in get_args(Then):
            raise InvalidFaults(f"lose_reply.then must be one of {', '.join(get_args(Then))}, not {self.then!r}")


@dataclass(frozen=True, slots=True)
class Faults:
    """All faults at one time. `up` is from client to server, `down` is back."""

    up: WayFaults = field(default_factory=WayFaults)
    down: WayFaults = field(default_factory=WayFaults)
    #: New connections are refused, and open ones continue.
    refuse: bool = False
    #: Open connections are reset at once, and new ones as soon as they are accepted.
    reset: bool = False
    lose_reply: LoseReply | None = None
    #: The affected clients, as `client_of` names them: an IP address or, for a client on this machine, a part of its
    #: command line. None for all.
    clients: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        for name in ("refuse", "reset"):
            if not isinstance(getattr(self, name), bool):
                raise InvalidFaults(f"{name} must be true or false, not {getattr(self, name)!r}")
        if self.clients is not None:
            if not isinstance(self.clients, list | tuple) or not all(self.clients) or not _all_text(self.clients):
                raise InvalidFaults(f"clients must be a list of names or null, not {self.clients!r}")
            if self.refuse:
                raise InvalidFaults(
                    "refuse cannot be limited to clients: a connection is refused before its client is known"
                )
            object.__setattr__(self, "clients", tuple(self.clients))

    def meet(self, client: str) -> bool:
        """Return whether the faults affect the client with this name."""
        local = " " in client
        return self.clients is None or any(name in client if local else name == client for name in self.clients)

    @classmethod
    def both(cls, **way: Any) -> Self:
        """Return the same faults in both directions: `Faults.both(blackhole=True)`."""
        return cls(up=WayFaults(**way), down=WayFaults(**way))

    def of(self, way: Way) -> WayFaults:
        """Return the faults of one direction."""
        return self.up if way == "up" else self.down

    def to_json(self) -> dict[str, Any]:
        """Return the document that `from_json` takes."""
        return asdict(self)

    @classmethod
    def from_json(cls, document: Any) -> Self:
        """Return the faults of `{"down": {"latency_ms": 200}, "refuse": true, ...}`. Raises InvalidFaults."""
        known = _only_known(cls, document, "the faults")
        for way in get_args(Way):
            if way in known:
                known[way] = WayFaults(**_only_known(WayFaults, known[way], way))
        if known.get("lose_reply") is not None:
            lose = _only_known(LoseReply, known["lose_reply"], "lose_reply")
            if "to" not in lose:
                raise InvalidFaults("lose_reply.to is missing")
            known["lose_reply"] = LoseReply(**lose)
        return cls(**known)


def _only_known(kind: type, document: Any, where: str) -> dict[str, Any]:
    if not isinstance(document, Mapping):
        raise InvalidFaults(f"{where} must be an object")
    names = {each.name for each in fields(kind)}
    if strange := set(document) - names:
        raise InvalidFaults(
            f"{where}: there is no {', '.join(sorted(map(str, strange)))}; known: {', '.join(sorted(names))}"
        )
    return dict(document)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _all_text(names: list[str] | tuple[str, ...]) -> bool:
    return all(isinstance(name, str) for name in names)


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
