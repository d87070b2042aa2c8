"""Entity tags and conditions on them, as RFC 9110 specifies them."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.shared.errors import InvalidCondition
from holdfast.shared.http.etag import IF_MATCH, IF_NONE_MATCH, Conditions, Tag, Tags, conditions, etag, tag, tags

#: The characters that RFC 9110 allows in a tag (`etagc`), among them comma and backslash.
_opaque = st.text(st.sampled_from([chr(code) for code in (0x21, *range(0x23, 0x7F), *range(0x80, 0x100))]), max_size=8)
_tags = st.builds(Tag, _opaque, st.booleans())
_space = st.sampled_from(["", " ", "\t", " \t "])


def written(one: Tag) -> str:
    """Return the tag as it is sent."""
    return f'{"W/" if one.weak else ""}"{one.opaque}"'


@given(st.lists(_tags, min_size=1, max_size=5), st.data())
def test_a_list_is_read_as_it_was_written(listed: list[Tag], data: st.DataObject) -> None:
    """A list of tags is parsed correctly with spaces, empty elements, commas within quotes, and over any number of
    lines."""
    lines = [""]
    for one in listed:
        if data.draw(st.booleans()):
            lines.append("")
        empty = data.draw(st.sampled_from(["", ",", " , ,"]))
        lines[-1] += f"{',' if lines[-1] else ''}{empty}{data.draw(_space)}{written(one)}{data.draw(_space)}"
    name = data.draw(st.sampled_from([b"if-match", b"if-none-match"]))
    asked = conditions([(b"accept", b"*"), *((name, line.encode("latin-1")) for line in lines)])
    found = asked.if_match if name == b"if-match" else asked.if_none_match
    assert found == Tags(tuple(listed))


@given(_tags, st.lists(_tags, max_size=4))
def test_both_comparisons(current: Tag, listed: list[Tag]) -> None:
    """A strong comparison requires two strong and equal tags, a weak comparison ignores the weak mark, and `*` matches
    any tag."""
    asked = Tags(tuple(listed))
    assert asked.strongly(current) == any(
        not one.weak and not current.weak and one.opaque == current.opaque for one in listed
    )
    assert asked.weakly(current) == any(one.opaque == current.opaque for one in listed)
    assert Tags(any=True).strongly(current)
    assert Tags(any=True).weakly(None)
    assert not asked.strongly(None)
    assert not asked.weakly(None)


@given(_tags, st.none() | st.builds(Tags, st.lists(_tags, max_size=3).map(tuple)))
def test_if_match_is_looked_at_first(current: Tag, if_none_match: Tags | None) -> None:
    """If-Match is evaluated first: if it fails, the answer is 412 whatever If-None-Match says (RFC 9110, 13.2.2)."""
    other = Tags((Tag(current.opaque + "x"),))
    assert Conditions(other, if_none_match).failing(current) == IF_MATCH
    assert Conditions(Tags(any=True), Tags((current,))).failing(current) == IF_NONE_MATCH
    assert Conditions().failing(current) is None


@pytest.mark.parametrize(
    "raw",
    ["", " ", ",", ", ,", "7", "w/\"7\"", 'W/ "7"', 'W/7', '"7', '7"', '"a b"', '"7" "8"', '"7";"8"', '*, "7"',
     '"7", *', "**", "*,*", '"\x7f"', '"\x01"', "W/*", '"a""b"', "'7'"],
)  # fmt: skip
def test_what_is_no_list_of_tags_is_refused(raw: str) -> None:
    """A malformed list of tags is refused with the name of its header, even if its other lines are well-formed."""
    for lines in ([raw], [raw, '"7"'], ['"7"', raw]):
        whole = ",".join(lines)
        if len(lines) > 1 and not raw.strip(" ,"):
            assert tags(IF_MATCH, whole) == Tags((Tag("7"),))  # empty elements are allowed beside others
            continue
        with pytest.raises(InvalidCondition) as refused:
            conditions([(b"if-none-match", line.encode("latin-1")) for line in lines])
        assert (refused.value.details or {})["field"] == IF_NONE_MATCH


@given(st.text(max_size=30))
def test_whatever_is_sent_it_is_read_or_refused(raw: str) -> None:
    """Any header value is either parsed or refused with InvalidCondition."""
    with contextlib.suppress(InvalidCondition):
        conditions([(b"if-match", raw.encode())])


@given(st.integers(1, 2**53 - 1))
def test_versions_are_our_own_tags_and_no_others(version: int) -> None:
    """Only a tag that `etag` made names a version, so a number with leading zeros is another tag."""
    listed = Tags((Tag(str(version), weak=True), Tag(f"0{version}"), Tag(f"{version}x"), Tag(str(version))))
    assert tag(etag(version)) == Tag(str(version))
    assert listed.versions(strong=True) == (version,)
    assert Tags((Tag(str(version), weak=True),)).versions(strong=True) == ()
    assert Tags((Tag(str(version), weak=True),)).versions(strong=False) == (version,)
    assert Tags((Tag(str(2**53)), Tag("9" * 30), Tag("0"), Tag("-1"))).versions(strong=True) == ()
