"""Faults: what a dependency's error means for the work in hand, without the vendor's vocabulary."""


class Fault(Exception):
    """A dependency failed. The vendor's own error is the cause (`__cause__`)."""

    def __init__(self, message: str = "", detail: str = "") -> None:
        super().__init__(message)
        #: The error's own text, without the data that it quotes: for logs. The message is for everybody.
        self.detail = detail or message


class Contention(Fault):
    """Two transactions met. Nothing happened; at once again."""


class Clash(Contention):
    """A row with the same key came first. Look again; if it stays, it is no race."""


class Outage(Fault):
    """The dependency is down, or not in a state to work. Hold; charge nobody; whether the last
    statement happened is not known."""


class CommitUnknown(Outage):
    """The dependency stopped answering while it committed: it may have happened."""


class BadData(Fault):
    """The dependency refused, and its error says that this very data is wrong."""


class Unexplained(Fault):
    """The dependency refused, and its error does not say whether the dependency or the data is wrong."""
