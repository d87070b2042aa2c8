"""Text from outside, on a page: it executes nothing, hides nothing, and has a bounded length."""

import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.services.dlq_admin.console.render import visible
from holdfast.services.dlq_admin.unseen import UNSEEN


@pytest.mark.parametrize(
    "odd", ["\u202e", "\u2066", "\u200b", "\x00", "\x1b", "\x85", "\ufeff", "\ud800", "\U000e0041"]
)
def test_what_cannot_be_seen_is_spelled_out(odd: str) -> None:
    """An invisible character is shown as its code point, and text in any script is unchanged."""
    shown = str(visible.visible(f"שלום{odd}mundo"))
    assert odd not in shown
    assert f"U+{ord(odd):04X}" in shown
    assert "שלום" in shown


@given(st.text())
def test_no_text_becomes_markup(text: str) -> None:
    """Whatever the text, the result has only tags of the console, and can be encoded."""
    shown = str(visible.visible(text))
    bare = shown.replace('<span class="ctl" title="', "").replace("</span>", "")
    assert "<" not in bare
    shown.encode()


def test_huge_text_is_cut_and_says_so() -> None:
    """Long text is cut, and the number of omitted characters is shown."""
    shown = str(visible.visible("<" * 100_000, 10))
    assert shown.count("&lt;") == 10
    assert "99,990 more" in shown


def test_bytes_are_dumped() -> None:
    """Bytes are shown as a hex dump of sixteen per line, and the number of omitted bytes is shown."""
    shown = str(visible.entry_value({"base64": "/wA8c2NyaXB0Pg=="}))
    assert shown.startswith("0000  ff 00 3c 73")
    assert "<" not in shown
    assert "9,744 more bytes" in str(visible.dump(b"\xff" * 10_000))


@given(st.recursive(st.text(st.characters(exclude_categories=["Cs"])), lambda each: st.lists(each, max_size=3)))
def test_json_to_type_in_says_the_same(value: object) -> None:
    """Invisible characters in JSON are escaped, and the JSON has the same value."""
    assert json.loads(visible.written_out(json.dumps(value, ensure_ascii=False))) == value


_ODD = st.text(st.characters() | st.sampled_from("\u202e\u2066\u200b\x00\x1b\ud800\u2028\ufeff"))


@given(_ODD)
def test_no_expression_of_a_template_hides_or_turns_anything(text: str) -> None:
    """A template's expression without a filter, in text or an attribute, shows no invisible or direction-changing
    character, and HTML that was made inert is not changed again."""
    shown = visible.inert(text)
    assert visible.inert(shown) == shown
    assert not UNSEEN.search(shown)
    assert visible.inert(visible.visible(text)) == visible.visible(text)
    assert visible.inert(7) == 7


@given(_ODD)
def test_a_field_sends_back_what_was_typed_or_what_it_shows(text: str) -> None:
    """Joiners and variation selectors stay in a field, because names and emoji contain them; direction and control
    characters are shown as text."""
    shown = str(visible.typed(text))
    assert not set(shown) & set('\u202e\u2066\x00\x1b\ud800\u2028<"')
    assert "❤\ufe0f" in str(visible.typed("❤\ufe0f" + text))


@given(st.recursive(st.text(st.characters(exclude_categories=["Cs"])), lambda each: st.lists(each, max_size=3)))
def test_json_in_a_field_comes_back_the_same(value: object) -> None:
    """JSON in a form's field, a selection or a refused edit, comes back with the same value."""
    shown = visible.exact(json.dumps(value, ensure_ascii=False, indent=1).replace("\n", "\r\n"))
    assert json.loads(shown.unescape()) == value
    assert not UNSEEN.search(shown)


def test_every_template_is_covered() -> None:
    """The console's environment makes the text of every expression inert."""
    from holdfast.services.dlq_admin.console.render.assets import Assets
    from holdfast.services.dlq_admin.console.render.pages import Pages

    templates = Pages(Assets(), lambda: {})._templates
    page = templates.from_string('<a title="{{ x }}" href="{{ x }}">{{ x }}{{ x|show }}{{ x ~ "y" }}</a>')
    shown = page.render(x="\u202eevil\u200b")
    assert "\u202e" not in shown
    assert "\u200b" not in shown
    assert 'title="[U+202E]evil[U+200B]"' in shown


def test_no_expression_holds_an_entity() -> None:
    """No template expression contains an HTML entity, because it would be escaped again, and an address with two
    parameters would lose the second."""
    templates = [*Path(visible.__file__).parents[1].glob("templates/*.html")]
    assert len(templates) > 20
    for template in templates:
        text = template.read_text(encoding="utf-8")
        held = [each for each in re.findall(r"{{.*?}}", text) if re.search(r"&[a-z]+;", each)]
        assert held == [], template.name
