"""The tour: its steps are commands of this repository, and its record does not contain the token."""

import json
import re
from itertools import chain, repeat
from pathlib import Path

from deploy.poison.letters import Known, wait
from deploy.tour.__main__ import fits
from deploy.tour.recording import Recording
from deploy.tour.steps import PATCH, STEPS
from tests.conftest import ROOT

_KNOWN = {
    "api": "http://a", "admin": "http://b", "token": "t", "run": "r", "group": "g", "count": 1, "patch": "p.json",
    "since": "2026-01-15T10:30:00Z", "fits": "It fits.",
}  # fmt: skip


def test_steps_are_commands_that_exist() -> None:
    """Every `make` target of the tour is in the Makefile, every placeholder is known, and the first step starts the
    stack."""
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    typed = [step.types.format(**_KNOWN) for step in STEPS]
    assert typed[0] == "make up"
    used = {match[1] for command in typed if (match := re.match(r"make ([a-z-]+)", command))}
    assert used <= targets
    assert json.loads(PATCH)


def test_it_is_about_its_own_letters_and_says_what_became_of_them() -> None:
    """The tour takes only its own letters, because on a used stack the group has others that the patch may not fit, and
    says whether the patch fits."""
    typed = [step.types for step in STEPS if "{group}" in step.types]
    assert len(typed) == 4
    assert all("from={since}" in each for each in typed)
    assert fits({"count": 5, "refused": {}, "verdicts": {"would_apply": 5}}) == "It fits."
    assert "not fit" in fits({"count": 5, "refused": {"PATCH_FAILS": 2}, "verdicts": {"would_apply": 3}})


def test_what_is_shown_before_a_step_is_filled_in() -> None:
    """The text before a step is filled in like its command, so that a reader sees no placeholder."""
    shown = [step.heading(number, _KNOWN) for number, step in enumerate(STEPS, 1)]
    assert shown[0].startswith("1/13  Every process")
    assert any("It fits. The same again" in each for each in shown)
    assert not any("{" in each for each in shown)


def test_poison_is_waited_for_until_it_is_dead() -> None:
    """The tour waits for as many dead letters as it caused, besides those from before, or until no more come, and then
    gives the reason."""
    now = 0.0

    def pause(seconds: float) -> None:
        nonlocal now
        now += seconds

    def outcome(*counts: int | None, halted: str = "") -> str:
        looks = chain(map(Known, counts), repeat(Known(counts[-1], halted)))
        return wait(5, Known(100), lambda: next(looks), lambda: now, pause)

    assert outcome(100, None, 103, 105) == "All of them are dead letters now."
    assert outcome(100, 102).startswith("2 of 5 are dead letters so far; none came for")
    assert "a writer is halted (writer-0: bad" in outcome(101, halted="writer-0: bad")
    assert "not known" in wait(5, Known(None), lambda: Known(None))


def test_the_readme_names_it() -> None:
    """The README names the tour, so that a newcomer finds it."""
    assert "make tour" in (ROOT / "README.md").read_text()


def test_a_recording_can_be_played_and_read(tmp_path: Path) -> None:
    """A recording is written as an asciicast with one event per line, and as text without colours."""
    recording = Recording()
    recording.show("\x1b[1mOne\x1b[0m\n")
    recording.show("two\n")
    recording.write(tmp_path)
    head, *events = [json.loads(line) for line in (tmp_path / "tour.cast").read_text().splitlines()]
    assert head["version"] == 2
    assert [(kind, text) for _, kind, text in events] == [("o", "\x1b[1mOne\x1b[0m\r\n"), ("o", "two\r\n")]
    assert (tmp_path / "tour.txt").read_text() == "One\ntwo\n"
