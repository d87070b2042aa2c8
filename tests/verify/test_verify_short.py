"""The checker on real processes, the short form of `make verify`."""

from pathlib import Path

import pytest

from tests.promises.verdict import Word
from tests.verify import report
from tests.verify.run import Plan, run

_LAST, _WORDS_MAX = 3, 300
_PLAN = Plan(seed=20260115, seconds=15, per_s=20, letters=600)
#: Events that every run has, however slow the machine is.
_ALWAYS = (
    "write queued",
    "a writer died between commit and acknowledgement",
    "kill of writer",
    "kill of api",
    "kill of database",
    "kill of dlq-admin",
    "power loss of queue",
    "letter applied",
    "letter dead_again",
    "a replay taken over by another replica",
)


@pytest.mark.long
def test_every_promise_is_kept_while_everything_is_broken(tmp_path: Path) -> None:
    """No promise is broken in a run with each kind of fault at least once under load and under a replay; the check
    compares the stores with the answers to clients."""
    data = tmp_path / "data"
    data.mkdir()
    done = run(data, _PLAN)
    files = report.write(tmp_path / "report", done)
    shown = report.terminal(done, files)
    assert done.verdict.word is not Word.FALSE, f"{shown}\n{_last_words(data)}"
    assert not [what for what in _ALWAYS if not done.verdict.sometimes[what]], shown


def _last_words(data: Path) -> str:
    """Return the end of each process' log, because the folder may be gone when the failure is read."""
    lines = []
    for log in sorted(data.rglob("*.log")):
        lines += [f"{log.relative_to(data)}: {line[:_WORDS_MAX]}" for line in log.read_text().splitlines()[-_LAST:]]
    return "\n".join(lines)
