"""Clocks: the clocks of a simulated machine. The wall clock may be wrong and jump; the monotonic clock never jumps."""

#: The correct wall-clock time at the start of the simulation: 2027-01-15 08:00 UTC.
EPOCH_S = 1_800_000_000.0


class Clock:
    """The clocks of one machine. `rate`: its seconds per true second. `offset_s`: the error of the wall clock."""

    __slots__ = ("offset_s", "rate", "uptime_s")

    def __init__(self, offset_s: float = 0.0, rate: float = 1.0, uptime_s: float = 0.0) -> None:
        self.offset_s = offset_s
        self.rate = rate
        self.uptime_s = uptime_s

    def wall(self, now_s: float) -> float:
        """Return the seconds since 1970 that this machine shows at a true time."""
        return EPOCH_S + self.offset_s + now_s * self.rate

    def monotonic(self, now_s: float) -> float:
        """Return the seconds since this machine was started."""
        return self.uptime_s + now_s * self.rate

    def true(self, monotonic_s: float) -> float:
        """Return the true time at which the monotonic clock shows this time."""
        return (monotonic_s - self.uptime_s) / self.rate

    def jump(self, seconds: float) -> None:
        """Move the wall clock forward, or back."""
        self.offset_s += seconds
