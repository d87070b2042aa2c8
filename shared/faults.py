"""Faults: what a dependency's error means for the work in hand, without the vendor's vocabulary."""


class Fault(Exception):
    """A dependency failed. The vendor's own error is the cause (`__cause__`)."""


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
    """The dependency works and refuses this very data: it always will."""
