"""Runbooks as pages: made from the files of the docs, one for every alert, with nothing but text in them."""

import re
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from deploy.rules.files import groups
from deploy.rules.profile import PROFILES
from holdfast.services.dlq_admin.console.pages import runbooks
from holdfast.services.dlq_admin.console.render.links import Links
from holdfast.services.dlq_admin.console.render.markdown import rendered

_TAGS = re.compile(
    r"</?(?:h[1-4]|p|ul|ol|li|table|thead|tbody|tr|th|td|code|strong|a)(?: (?:href|class)=\"[^\"<>]*\")?>"
)


def test_every_runbook_is_a_page_of_its_own_words() -> None:
    """Every Markdown heading of a runbook becomes an HTML heading, and no mark of Markdown is left in the text."""
    files = sorted(runbooks._FOLDER.glob("*.md"))
    assert {path.name for path in files} == {path.name for path in Path("docs/runbooks").glob("*.md")}
    for path in files:
        text = path.read_text()
        page = str(rendered(text, lambda address: f"/{address}"))
        assert len(re.findall("<h[1-4]>", page)) == len(re.findall(r"(?m)^#+ ", text))
        bare = re.sub(r"<code>.*?</code>", "", page)
        assert not re.search(r"\]\(|\*\*|`|(?m:^[-#] )", bare), path


def test_every_alert_leads_to_its_page() -> None:
    """Every alert links to its runbook's page without a setting; an absolute address stays, and an unknown runbook is
    no link unless a base URL is set."""
    links = Links(None, (), {path.stem for path in runbooks._FOLDER.glob("*.md")})
    alerts = [rule.written() for group in groups(PROFILES[0]) for rule in group.rules]
    for alert in [each["alert"] for each in alerts if "alert" in each and each["alert"] != "HoldfastWatchdog"]:
        assert links.runbook(f"docs/runbooks/{alert}.md") == f"/console/runbooks/{alert}"
    assert links.runbook("https://wiki.example/page") == "https://wiki.example/page"
    assert links.runbook("docs/runbooks/Unknown.md") is None
    based = Links("https://git.example/main", (), {"HoldfastBreakerOpen"})
    assert based.runbook("docs/runbooks/Unknown.md") == "https://git.example/main/docs/runbooks/Unknown.md"


def test_a_dashboards_path_is_a_link() -> None:
    """The path of a dashboard in a runbook's code is a link if the console draws that dashboard, and other code is no
    link."""
    links = Links(None, {"holdfast-overview"}, ())
    text = "- `/d/holdfast-overview`: one, `/d/other` or `/etc/passwd`; `make logs`"
    page = str(rendered(text, links.dashboard))
    assert page.count("<a ") == 1
    assert '<a href="/console/live/holdfast-overview"><code>/d/holdfast-overview</code></a>' in page


@given(st.text(st.sampled_from("# -*1.|`[]()<>&\"'ab\n")))
def test_no_text_becomes_markup(text: str) -> None:
    """Whatever the text, the page has only the tags of the renderer."""
    page = str(rendered(text, lambda _: "/x"))
    assert "<" not in _TAGS.sub("", page)
