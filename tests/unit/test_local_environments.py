"""The virtual environments of a clone are made anew when they cannot be used."""

import subprocess
from pathlib import Path

import pytest

from deploy.local import python_env


@pytest.mark.parametrize("there", [True, False])
def test_a_link_to_an_environment_elsewhere_is_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, there: bool
) -> None:
    """A link to an environment that cannot be used here, or to nothing, is replaced by an environment of this clone.
    What it pointed to stays as it is."""
    elsewhere, venv = tmp_path / "elsewhere", tmp_path / ".venv"
    venv.symlink_to(elsewhere)
    if there:
        elsewhere.mkdir()
        (elsewhere / "theirs").touch()
    monkeypatch.setattr(subprocess, "run", _made)
    python_env._create(venv)
    assert venv.is_dir()
    assert not venv.is_symlink()
    assert (elsewhere / "theirs").exists() == there


def _made(command: list[str], **_: object) -> subprocess.CompletedProcess[bytes]:
    Path(command[-1]).mkdir()
    return subprocess.CompletedProcess(command, 0)
