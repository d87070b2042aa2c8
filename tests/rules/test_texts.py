"""Every alert states its impact on clients, and has a runbook page and a dashboard."""

import re
from pathlib import Path

import pytest

from deploy.rules.files import groups
from deploy.rules.profile import PROFILES
from deploy.rules.rule import Alert, Dashboard

REPO = Path(__file__).parent.parent.parent
RUNBOOKS = REPO / "docs" / "runbooks"
DASHBOARDS = REPO / "services" / "dlq_admin" / "live" / "grafana"
HEADINGS = ["Meaning", "Impact", "Diagnosis", "Mitigation", "Other causes"]

ALERTS = [
    pytest.param(rule, id=f"{profile.name}: {rule.name} {' '.join(rule.labels.values())}")
    for profile in PROFILES
    for group in groups(profile)
    for rule in group.rules
    if isinstance(rule, Alert)
]
NAMES = sorted({f"Holdfast{param.values[0].name}" for param in ALERTS})  # type: ignore[union-attr]
PAGES = sorted(RUNBOOKS.glob("*.md"))


@pytest.mark.parametrize("alert", ALERTS)
def test_an_alert_says_what_clients_feel_and_where_to_look(alert: Alert) -> None:
    """Every alert has a summary of at most 120 characters about clients or their writes, a description with numbers,
    and a runbook and a dashboard that exist."""
    written = alert.written()
    annotations = written["annotations"]
    assert re.search(r"client|write", annotations["summary"], re.IGNORECASE)
    assert len(re.sub(r"{{ range .+?{{ end }}.+?{{ end }}|{{ .+? }}", "1 min 30 s", annotations["summary"])) <= 120
    # Numbers such as 33.17s, 2.4 dead letters or 1.2k writes are hard to read.
    assert (
        re.findall(r"humanize(?:Duration)? [|}]", re.sub(r'printf "%.0f" \| humanizeDuration', "", str(annotations)))
        == []
    )
    assert annotations["description"].endswith(".")
    assert "{{" in annotations["description"] or alert.name == "Watchdog"
    assert (REPO / annotations["runbook_url"]).is_file()
    assert annotations["dashboard_url"] == f"/d/{Dashboard(annotations['dashboard_url'].removeprefix('/d/'))}"
    if DASHBOARDS.exists():
        assert (DASHBOARDS / f"{alert.dashboard}.json").is_file()


def test_every_alert_has_a_page_and_every_page_an_alert() -> None:
    """Every alert has a runbook page, every page has an alert, and the index lists all pages."""
    assert [page.stem for page in PAGES if page.name != "README.md"] == NAMES
    indexed = re.findall(r"^\| \[(\w+)\]\(\1\.md\)", (RUNBOOKS / "README.md").read_text(), re.MULTILINE)
    assert sorted(indexed) == NAMES


@pytest.mark.parametrize("page", [page for page in PAGES if page.name != "README.md"], ids=lambda page: page.stem)
def test_a_page_answers_the_same_questions(page: Path) -> None:
    """A runbook page has a title, a severity, and each heading once in this order, with text below it."""
    text = page.read_text()
    assert text.startswith(f"# {page.stem}\n\nSeverity: ")
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == HEADINGS
    assert all(part.strip() for part in re.split(r"^## .+$", text, flags=re.MULTILINE)[1:])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_what_a_page_points_to_is_there(page: Path) -> None:
    """The files, `make` targets and dashboards that a page points to exist."""
    text = page.read_text()
    targets = set(re.findall(r"^([a-z0-9-]+):", (REPO / "Makefile").read_text(), re.MULTILINE))
    assert [link for link in re.findall(r"\]\(([^)#]+)\)", text) if not (page.parent / link).is_file()] == []
    assert set(re.findall(r"`make ([a-z0-9-]+)", text)) <= targets
    assert set(re.findall(r"`/d/([a-z-]+)`", text)) <= {dashboard.value for dashboard in Dashboard}


def test_the_page_of_a_stale_probe_names_each_probe() -> None:
    """The page of a stale probe names each probe, because the alert has only names, which a reader looks up there."""
    page = (RUNBOOKS / "HoldfastProbeStale.md").read_text()
    sources = (REPO / "services/dlq_admin/auditor").glob("*.py")
    names = {name for source in sources for name in re.findall(r'\bProbe\("(\w+)"', source.read_text())}
    assert len(names) >= 9
    assert {name for name in names if f"`{name}`" not in page} == set()
