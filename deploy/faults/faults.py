"""Faults: what is wrong with the connections right now, as data. `Faults()` is nothing."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Literal, Self, get_args

Way = Literal["up", "down"]
Then = Literal["reset", "hang"]

_DELAY_MAX_MS = 600_000


class Nonsense(ValueError):
    """These faults cannot be; says which and why."""


@dataclass(frozen=True, slots=True)
class WayFaults:
    """What happens to the bytes of one direction."""

    latency_ms: float = 0
    #: Added to the latency or taken from it by chance, at most so much; bytes never overtake one another.
    jitter_ms: float = 0
    #: 0: as fast as it goes. A few bytes a second are a slow drip.
    bytes_per_s: int = 0
    #: Held back until the fault is gone, the end of the stream too, as a network that drops packets would.
    blackhole: bool = False
    #: Let so many more bytes of each connection through, then reset it. None: no limit.
    cut_after_bytes: int | None = None

    def __post_init__(self) -> None:
        for name in ("latency_ms", "jitter_ms"):
            value = getattr(self, name)
            if not _is_number(value) or not 0 <= value <= _DELAY_MAX_MS:
                raise Nonsense(f"{name} must be a number from 0 to {_DELAY_MAX_MS}, not {value!r}")
        if not _is_count(self.bytes_per_s):
            raise Nonsense(f"bytes_per_s must be a whole number from 0, not {self.bytes_per_s!r}")
        if self.cut_after_bytes is not None and not _is_count(self.cut_after_bytes):
            raise Nonsense(f"cut_after_bytes must be a whole number from 0 or null, not {self.cut_after_bytes!r}")
        if not isinstance(self.blackhole, bool):
            raise Nonsense(f"blackhole must be true or false, not {self.blackhole!r}")


@dataclass(frozen=True, slots=True)
class LoseReply:
    """The command arrives and is carried out; its reply does not come. For protocols with one command at a time under
    way on a connection, such as MySQL's and ours with Redis."""

    #: Which commands: those with this text in them, as it is on the wire.
    to: str
    #: The first one to lose the reply of, counted over all connections since the fault was set.
    nth: int = 1
    #: How many from that one on.
    times: int = 1
    #: What the caller sees: a reset, or a silence that does not end.
    then: Then = "reset"

    def __post_init__(self) -> None:
        if not isinstance(self.to, str) or not self.to:
            raise Nonsense(f"lose_reply.to must be text of the command, not {self.to!r}")
        for name in ("nth", "times"):
            if not _is_count(getattr(self, name)) or getattr(self, name) == 0:
                raise Nonsense(f"lose_reply.{name} must be a whole number from 1, not {getattr(self, name)!r}")
        if self.then not in get_args(Then):
            raise Nonsense(f"lose_reply.then must be one of {', '.join(get_args(Then))}, not {self.then!r}")


@dataclass(frozen=True, slots=True)
class Faults:
    """Everything that is wrong at one time. `up` is from client to server, `down` is back."""

    up: WayFaults = field(default_factory=WayFaults)
    down: WayFaults = field(default_factory=WayFaults)
    #: Nobody listens: new connections are refused, living ones go on.
    refuse: bool = False
    #: Living connections are reset at once, new ones as soon as they are there.
    reset: bool = False
    lose_reply: LoseReply | None = None
    #: Who meets all this, as `deploy.faults.client` names them: an IP address, or, of a client on this machine, a part
    #: of its command line. None: everybody.
    clients: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        for name in ("refuse", "reset"):
            if not isinstance(getattr(self, name), bool):
                raise Nonsense(f"{name} must be true or false, not {getattr(self, name)!r}")
        if self.clients is not None:
            if not isinstance(self.clients, list | tuple) or not all(self.clients) or not _all_text(self.clients):
                raise Nonsense(f"clients must be a list of names or null, not {self.clients!r}")
            if self.refuse:
                raise Nonsense(
                    "whoever connects is refused before anybody knows who it is: refuse goes without clients"
                )
            object.__setattr__(self, "clients", tuple(self.clients))

    def meet(self, client: str) -> bool:
        """Whether the client with this name meets them."""
        local = " " in client
        return self.clients is None or any(name in client if local else name == client for name in self.clients)

    @classmethod
    def both(cls, **way: Any) -> Self:
        """The same in both directions: `Faults.both(blackhole=True)`."""
        return cls(up=WayFaults(**way), down=WayFaults(**way))

    def of(self, way: Way) -> WayFaults:
        """Those of one direction."""
        return self.up if way == "up" else self.down

    def to_json(self) -> dict[str, Any]:
        """As `from_json` takes it."""
        return asdict(self)

    @classmethod
    def from_json(cls, told: Any) -> Self:
        """From `{"down": {"latency_ms": 200}, "refuse": true, ...}`; what is left out is well. Raises Nonsense."""
        known = _only_known(cls, told, "the faults")
        for way in get_args(Way):
            if way in known:
                known[way] = WayFaults(**_only_known(WayFaults, known[way], way))
        if known.get("lose_reply") is not None:
            lose = _only_known(LoseReply, known["lose_reply"], "lose_reply")
            if "to" not in lose:
                raise Nonsense("lose_reply.to is missing")
            known["lose_reply"] = LoseReply(**lose)
        return cls(**known)


def _only_known(kind: type, told: Any, where: str) -> dict[str, Any]:
    if not isinstance(told, Mapping):
        raise Nonsense(f"{where} must be an object")
    names = {each.name for each in fields(kind)}
    if strange := set(told) - names:
        raise Nonsense(
            f"{where}: there is no {', '.join(sorted(map(str, strange)))}; known: {', '.join(sorted(names))}"
        )
    return dict(told)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _all_text(names: list[str] | tuple[str, ...]) -> bool:
    return all(isinstance(name, str) for name in names)


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
