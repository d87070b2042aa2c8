"""Faults: a dependency's errors, named by what they mean for the work and independent of the vendor's classes."""


class Fault(Exception):
    """A dependency failed. The vendor's own error is the cause (`__cause__`)."""

    def __init__(self, message: str = "", detail: str = "") -> None:
        super().__init__(message)
        #: The text of the error without the data that it quotes, for logs. The message is for clients.
        self.detail = detail or message


class Contention(Fault):
    """Two transactions conflicted. Nothing took effect; retry at once."""


class Clash(Contention):
    """A row with the same key was written first. If a retry fails in the same way, the cause is not a race."""


class Outage(Fault):
    """The dependency is down or cannot work. Hold the work, and charge no attempt; whether the last statement took
    effect is unknown."""


class Refusal(Outage):
    """The dependency answers with a refusal: of our credentials, our rights or its schema, or because its disk is full.
    Work is held as in any outage; a person has to act."""


class NotPrimary(Outage):
    """The dependency answers but takes no writes: it is read-only, or cut off from its cluster. A switch-over ends
    this."""


class CommitUnknown(Outage):
    """The dependency stopped answering during a commit. The commit may have taken effect."""


class BadData(Fault):
    """The dependency refused, and its error says that the data is wrong."""


class Unexplained(Fault):
    """The dependency refused, and its error does not say whether the dependency or the data is wrong."""


def words_of(error: Exception) -> str:
    """Return the text of an error that may be shown: a fault's detail, or the class of any other error, whose text may
    hold data."""
    return error.detail if isinstance(error, Fault) else type(error).__name__
