"""Every panel, variable and annotation of every dashboard shows data of a real run."""

from pathlib import Path

import pytest

from deploy.dashboards.verify.census import summary
from tests.dashboards.stage import missing
from tests.dashboards.story import play

_CALM_S = 5.0


@pytest.mark.long
@pytest.mark.skipif(bool(missing()), reason=f"not here: {', '.join(missing())}; make setup installs them")
def test_no_panel_is_empty_after_a_run_in_which_everything_happened(tmp_path: Path) -> None:
    """No panel is empty in Prometheus after a run with poison, its replay, and failures of a third party, a database, a
    client and a writer."""
    complete, text = summary(play(tmp_path, print, calm_s=_CALM_S))
    assert complete, text
