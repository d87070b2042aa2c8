"""The benchmarks that run beside other systems have an environment without pytest."""

import re
import subprocess
import sys

from tests.conftest import ROOT

_RUN = re.compile(r"@\.venv-bench/bin/python -m (\S+)")


def test_they_need_nothing_of_it() -> None:
    """Every module that the Makefile runs in that environment can be imported without pytest."""
    modules = _RUN.findall((ROOT / "Makefile").read_text())
    assert len(modules) > 1
    hidden = f"import sys; sys.modules['pytest'] = None; import {', '.join(modules)}"
    done = subprocess.run([sys.executable, "-c", hidden], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
