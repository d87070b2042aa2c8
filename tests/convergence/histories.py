"""Histories: random sequences of commands over few users and few addresses, so that they conflict.

Some have a second unique value beside the address, which may be missing.
"""

from dataclasses import dataclass

from hypothesis import strategies as st

EMAILS = ("ann@example.com", "bob@example.com", "Ann@example.com")


@dataclass(frozen=True)
class Step:
    """One command for the user in `slot`, and the number of entries that are delivered after it was accepted."""

    command: str
    slot: int
    name: str | None
    email: str | None
    #: The version that If-Match names: None, "current" or "stale".
    if_match: str | None
    deliveries: int
    #: The second unique value.
    second: str | None = None


_names = st.sampled_from(["one", "two", "three"])
_slots = st.sampled_from([0, 0, 1, 1, 2])
_deliveries = st.sampled_from([0, 0, 0, 0, 0, 1, 2, 9])


def _steps(
    commands: list[str],
    emails: st.SearchStrategy[str],
    if_matches: st.SearchStrategy[str | None],
    seconds: st.SearchStrategy[str | None],
) -> st.SearchStrategy[Step]:
    def one(command: str) -> st.SearchStrategy[Step]:
        name: st.SearchStrategy[str | None] = _names
        email: st.SearchStrategy[str | None] = emails
        second = seconds
        if command == "DeleteUser":
            name, email, second = st.none(), st.none(), st.none()
        values = st.tuples(name, email, second)
        if command == "UpdateUser":
            values = st.tuples(st.none() | name, st.none() | email, second).filter(any)
        matches = st.none() if command == "CreateUser" else if_matches
        return st.builds(
            lambda slot, of, if_match, deliveries: Step(command, slot, of[0], of[1], if_match, deliveries, of[2]),
            _slots, values, matches, _deliveries,
        )  # fmt: skip

    # made once, because Hypothesis examines each new strategy when it is first drawn
    of = {command: one(command) for command in commands}
    return st.sampled_from(commands).flatmap(of.__getitem__)


_COMMANDS = ["CreateUser", "UpdateUser", "UpdateUser", "UpdateUser", "ReplaceUser", "DeleteUser"]


def _histories(seconds: st.SearchStrategy[str | None]) -> st.SearchStrategy[list[Step]]:
    """Return histories that begin with creates, so that most later commands find an entity. Later commands may also
    create an entity again, delete it, or name an unknown one."""
    return st.tuples(
        st.lists(
            st.builds(
                lambda slot, name, email, deliveries, second: Step(
                    "CreateUser", slot, name, email, None, deliveries, second
                ),
                _slots, _names, st.sampled_from(EMAILS), _deliveries, seconds,
            ),
            min_size=1, max_size=3, unique_by=lambda step: step.slot,
        ),
        st.lists(
            _steps(
                _COMMANDS, st.sampled_from(EMAILS), st.sampled_from([None, None, None, "current", "stale"]), seconds
            ),
            min_size=1, max_size=10,
        ),
    ).map(lambda parts: [*parts[0], *parts[1]])  # fmt: skip


histories = _histories(st.none())
histories_of_two_values = _histories(st.sampled_from([None, "one", "two"]))


def _created_first_and_once(steps: list[Step]) -> list[Step]:
    """Return the steps without those that the api never allows: an id is not known to any client before its create, and
    is never created again."""
    created: set[int] = set()
    kept = []
    for step in steps:
        is_create = step.command == "CreateUser"
        if is_create == (step.slot in created):
            continue
        created.add(step.slot)
        kept.append(step)
    return kept


#: No user takes another's address, and no write names a version, so merging alone has to suffice.
peaceful_histories = st.lists(
    _steps(["CreateUser", *_COMMANDS], st.sampled_from(["", "2"]), st.none(), st.none()), min_size=3, max_size=12
).map(_created_first_and_once).filter(lambda steps: len(steps) > 2)  # fmt: skip
