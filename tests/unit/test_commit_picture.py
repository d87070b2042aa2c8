"""The picture of a write's time: its stages add up to the whole, and every write is in it."""

import re
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from tests.bench.commit_picture import Stages, draw, stages

_SECONDS = st.floats(0, 10)


@given(_SECONDS, _SECONDS, _SECONDS, _SECONDS)
def test_stages_add_up(intended: float, answer_s: float, insert_s: float, commit_s: float) -> None:
    """The stages of a write add up to its whole time, whether the writer or the answer was first."""
    answered = intended + answer_s
    inserted = intended + insert_s
    committed = max(answered, inserted) + commit_s
    split = stages(intended, answered, inserted, committed)
    assert min(split) >= 0
    assert abs(split.whole_s - (committed - intended)) < 1e-9


def test_the_picture_has_a_layer_for_each_stage(tmp_path: Path) -> None:
    """The picture has one layer per stage for any number of writes, and without writes there is no picture."""
    for count in (1, 3, 500):
        (path,) = draw([Stages(0.001 * at, 0.002, 0.003) for at in range(count)], tmp_path / "commit.svg")
        assert len(re.findall("<polygon", path.read_text())) == len(Stages._fields)
    assert draw([], tmp_path / "none.svg") == []
