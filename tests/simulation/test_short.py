"""The short form of `make simulate`: seeds that once found something, and a few more, in processes of their own."""

import os
import subprocess
import sys

import pytest

from tests.models.database.server import translator
from tests.simulation import warm
from tests.simulation.kept import Kept
from tests.simulation.plan import Cut
from tests.simulation.run import run

#: Seconds of wall-clock time: a run takes a minute of the processor, and a busy machine gives it little.
_DEADLINE_S = 1800
#: As many seeds as fit into ten seconds of one processor.
_MANY = ("--seeds", "1000", "--within", "10")


def _simulate(*arguments: str, hash_seed: str = "random") -> str:
    """Return the output of the simulation; fail unless every promise held. That too little happened in few seeds is no
    failure."""
    command = [sys.executable, "-m", "tests.simulation", *arguments]
    environment = os.environ | {"PYTHONHASHSEED": hash_seed}
    done = subprocess.run(command, capture_output=True, text=True, timeout=_DEADLINE_S, env=environment, check=False)
    assert done.returncode in (0, 2), done.stdout + done.stderr
    return done.stdout


@pytest.mark.long
def test_promises_hold() -> None:
    """Every promise holds in each kept seed and in more seeds, and every run ends."""
    kept, many = (line for line in _simulate("--kept", *_MANY).splitlines() if " runs, " in line)
    assert ", 0 failed" in kept
    assert ", 0 failed" in many


def test_a_seed_is_one_timeline() -> None:
    """A seed gives the same output to the byte, whatever the hash seed and the object addresses of the process."""
    first, again = (_simulate("--seed", "46", "--cut", "seconds=6", hash_seed=hash_seed) for hash_seed in ("1", "2"))
    assert first.splitlines()[:-1] == again.splitlines()[:-1]  # the last line states the duration


def test_a_seed_is_the_same_after_others() -> None:
    """Work that earlier runs of the process have prepared makes a run faster and does not change it; another seed gives
    another run."""
    one, other = (Kept(seed, Cut(seconds=4)) for seed in (46, 2))
    first = run(one.plan, one.cut).digest
    warm.up()
    assert run(one.plan, one.cut).digest == first
    assert run(other.plan, other.cut).digest != first


def test_what_two_runs_translated_is_there_for_the_next() -> None:
    """A statement is translated ahead once two runs have had to translate it, and not after one."""
    text = "SELECT id FROM users WHERE id = 'of a test'"
    warm.learn([text])
    assert text not in translator().texts()
    warm.learn([text])
    assert text in translator().texts()
