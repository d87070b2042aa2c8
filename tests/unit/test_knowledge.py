"""Which entries a process can decode, as it reports it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.shared.domain.users import User
from holdfast.shared.queue.codec import SCHEMA
from holdfast.shared.queue.knowledge import NOTHING, Knowledge, own
from holdfast.shared.writes.commands import Create, Delete, Heartbeat, label

_NAMES = st.frozensets(st.text(max_size=5), max_size=4)
_KNOWLEDGE = st.builds(Knowledge, _NAMES, st.dictionaries(st.text(max_size=5), _NAMES, max_size=4))


@given(_KNOWLEDGE)
def test_it_survives_the_way(knowledge: Knowledge) -> None:
    """Knowledge is the same after it was serialised and parsed again."""
    assert Knowledge.from_text(knowledge.to_text()) == knowledge


@given(st.one_of(st.text(), st.sampled_from(["[]", "{}", '{"schemas": 1, "commands": {}}', '{"commands": []}'])))
def test_what_is_none_is_none(text: str) -> None:
    """A text that is no valid knowledge, as a person may have written it, is parsed as None."""
    assert Knowledge.from_text(text) is None


@given(_KNOWLEDGE, st.text(max_size=5), _NAMES)
def test_an_entry_is_covered_when_nothing_of_it_is_new(knowledge: Knowledge, command: str, fields: set[str]) -> None:
    """An entry is covered exactly if its schema, its command and each of its fields are known."""
    known = knowledge.commands.get(command)
    assert not knowledge.covers(command, fields)  # no schema of so few letters is this build's
    newer = Knowledge(knowledge.schemas | {SCHEMA.decode()}, knowledge.commands)
    assert newer.covers(command, fields) == (known is not None and fields <= known)


def test_a_process_knows_its_own() -> None:
    """A process knows every command of its declared resources, and heartbeats. Empty knowledge does not cover all of
    that."""
    mine, user = own(), User.type
    for command in (Create(user, {"name": "Ann", "email": "a@b.example"}), Delete(user), Heartbeat()):
        assert mine.covers(label(command), command.values)
    assert mine.covers_all(mine)
    assert not NOTHING.covers_all(mine)


@pytest.mark.parametrize("command", own().commands)
def test_less_is_not_all(command: str) -> None:
    """Knowledge that lacks one command, or one field of a command, does not cover all."""
    mine = own()
    fewer = {label: fields for label, fields in mine.commands.items() if label != command}
    assert not Knowledge(mine.schemas, fewer).covers_all(mine)
    for field in mine.commands[command]:
        assert not Knowledge(mine.schemas, fewer | {command: mine.commands[command] - {field}}).covers_all(mine)
