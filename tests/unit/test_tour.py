"""The tour: its steps are commands of this repository, and what it records tells nobody the token."""

import json
import re
from pathlib import Path

from deploy.tour.recording import Recording
from deploy.tour.steps import PATCH, STEPS
from tests.conftest import ROOT

_KNOWN = {"api": "http://a", "admin": "http://b", "token": "t", "run": "r", "group": "g", "count": 1, "patch": "p.json"}


def test_steps_are_commands_that_exist() -> None:
    """Every `make` target is in the Makefile, every placeholder is known, the first step starts the stack."""
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    typed = [step.types.format(**_KNOWN) for step in STEPS]
    assert typed[0] == "make up"
    used = {match[1] for command in typed if (match := re.match(r"make ([a-z-]+)", command))}
    assert used <= targets
    assert json.loads(PATCH)


def test_the_readme_names_it() -> None:
    """A newcomer finds it."""
    assert "make tour" in (ROOT / "README.md").read_text()


def test_a_recording_can_be_played_and_read(tmp_path: Path) -> None:
    """As an asciicast, one event a line; as text without colours."""
    recording = Recording()
    recording.show("\x1b[1mOne\x1b[0m\n")
    recording.show("two\n")
    recording.write(tmp_path)
    head, *events = [json.loads(line) for line in (tmp_path / "tour.cast").read_text().splitlines()]
    assert head["version"] == 2
    assert [(kind, text) for _, kind, text in events] == [("o", "\x1b[1mOne\x1b[0m\r\n"), ("o", "two\r\n")]
    assert (tmp_path / "tour.txt").read_text() == "One\ntwo\n"
