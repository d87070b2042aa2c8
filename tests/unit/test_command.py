"""The end of a command of the tests."""

import pytest

from tests import command


def test_an_interrupted_command_ends_with_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    """Ctrl-C is an exit code and a line, not a traceback, and no verdict."""

    def interrupted() -> int:
        raise KeyboardInterrupt

    with pytest.raises(SystemExit) as ended:
        command.run(interrupted)
    assert ended.value.code == 130
    assert capsys.readouterr().err == "Interrupted: no verdict.\n"
    with pytest.raises(SystemExit) as ended:
        command.run(lambda: 2)
    assert ended.value.code == 2
