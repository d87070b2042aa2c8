"""Faults: the errors of a dependency by what they mean for the work, without the vendor's classes."""


class Fault(Exception):
    """A dependency failed. The vendor's own error is the cause (`__cause__`)."""

    def __init__(self, message: str = "", detail: str = "") -> None:
        super().__init__(message)
        #: The error's own text without the data that it quotes, for logs. The message is for clients.
        self.detail = detail or message


class Contention(Fault):
    """Two transactions conflicted. Nothing took effect; retry at once."""


class Clash(Contention):
    """A row with the same key was written first. If a retry sees the same again, it is no race."""


class Outage(Fault):
    """The dependency is down or cannot work. Hold the work, and charge no attempt; whether the last statement took
    effect is unknown."""


class Refusal(Outage):
    """The dependency answers, and refuses whoever asks: by our credentials, our rights, its schema, or a full disk.
    Work is held as in any outage; a person has to act."""


class NotPrimary(Outage):
    """The dependency answers, and takes no writes: it is read-only, or its cluster has left it behind. A switch-over
    ends that."""


class CommitUnknown(Outage):
    """The dependency stopped answering during a commit, which may have taken effect."""


class BadData(Fault):
    """The dependency refused, and its error says that the data is wrong."""


class Unexplained(Fault):
    """The dependency refused, and its error does not say whether the dependency or the data is wrong."""


def words_of(error: Exception) -> str:
    """What may be shown of an error: a fault's detail; of any other, whose text may hold data, its class."""
    return error.detail if isinstance(error, Fault) else type(error).__name__
