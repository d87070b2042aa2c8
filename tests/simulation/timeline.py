"""Timeline: what happened in a simulation, who did it and when, for a person to read."""

import re
from collections.abc import Callable

_SPACE = re.compile(r"\s")


class Timeline:
    """Lines in the order of events. `now` returns the true time in seconds."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self.lines: list[str] = []
        #: Called with each line, to show it while the simulation runs.
        self.show: Callable[[str], object] | None = None

    def say(self, who: str, what: str, **more: object) -> None:
        """Add one line."""
        words = "".join(f" {name}={_text(value)}" for name, value in more.items())
        line = f"{self._now():12.6f} {who:<12} {what}{words}"
        self.lines.append(line)
        if self.show:
            self.show(line)

    def text(self) -> str:
        """Return all lines."""
        return "\n".join(self.lines) + "\n"


def _text(value: object) -> str:
    text = f"{value:.6g}" if isinstance(value, float) else str(value)
    return repr(text) if not text or _SPACE.search(text) else text
