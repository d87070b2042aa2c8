"""The table of aims: all numbers that the benchmarks left are in it, with their verdicts."""

import json
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from tests.bench import aims
from tests.conftest import ROOT


def test_what_is_not_measured_is_named_with_its_command(tmp_path: Path) -> None:
    """Each bench without results has a line with its command, so that none is forgotten."""
    lines = aims.table(tmp_path)[2:]
    assert len(lines) == 6
    makefile = (ROOT / "Makefile").read_text()
    for line in lines:
        target = line.partition("`make ")[2].partition("`")[0]
        assert f"\n{target}:" in makefile, line


@given(st.lists(st.tuples(st.sampled_from(["met", "NOT MET"]), st.booleans())))
def test_every_verdict_on_an_aim_is_shown(verdicts: list[tuple[str, bool]]) -> None:
    """The table shows every verdict on an aim, and no other line of a bench."""
    lines = [
        f"{'UNCERTAIN: ' if doubt else ''}rate {at}: 0.7; aim 0.6: {said}" for at, (said, doubt) in enumerate(verdicts)
    ]
    shown = list(aims.of_verdicts({"verdicts": [*lines, "others used 0.01 cores: the machine was ours"]}))
    assert [aim.verdict for aim in shown] == [said + (", uncertain" if doubt else "") for said, doubt in verdicts]
    assert [aim.what for aim in shown] == [f"rate {at}: 0.7; aim 0.6" for at in range(len(verdicts))]


@given(st.lists(st.floats(0, 20), min_size=1, max_size=5), st.booleans())
def test_recovery_is_judged_by_its_median(took_s: list[float], third_party: bool) -> None:
    """Recovery is judged by the median of its repeats, and a phase that was never observed counts as not reached."""
    fault = "third-party-failing" if third_party else "queue-killed"
    repeats = [{"resume": each, "steady": None, "detect": each} for each in took_s]
    found = {aim.what.split(", ")[1].split(":")[0]: aim for aim in aims.of_recovery({fault: {"repeats": repeats}})}
    assert ("detect" in found) == third_party
    assert (
        found["resume"].verdict == ("met" if sorted(took_s)[len(took_s) // 2] <= 1 else "NOT MET")
        or len(took_s) % 2 == 0
    )
    assert found["steady"].verdict == "NOT MET"


def test_the_numbers_of_the_last_runs_can_be_read() -> None:
    """The results in the repository can be read, and each bench has several lines in the table."""
    folder = ROOT / "docs" / "benchmarks"
    lines = aims.table(folder)
    for name in ("write", "degraded", "recovery", "error-rates"):
        assert json.loads((folder / f"{name}.json").read_text())
        assert sum(line.startswith(f"| {name} |") for line in lines) > 1, name
