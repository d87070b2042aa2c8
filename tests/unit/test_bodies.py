"""Bodies: what people type, cleaned, or refused in the required form."""

from typing import Annotated

import orjson
import pytest
from email_validator import EmailNotValidError, validate_email
from hypothesis import given
from hypothesis import strategies as st

from holdfast.services.api.bodies import parse_part, parse_whole
from holdfast.shared.domain.field_types import Boolean, Integer, Text
from holdfast.shared.domain.resource import Resource
from holdfast.shared.domain.users import User
from holdfast.shared.errors import InvalidRequest, MalformedJson


def user(**fields: object) -> bytes:
    """Return a body that is valid except for the given fields."""
    return orjson.dumps({"name": "Ada", "email": "ada@example.com"} | fields)


def refusal(body: bytes) -> InvalidRequest:
    """Return how `body` is refused."""
    with pytest.raises(InvalidRequest) as caught:
        parse_whole(User.type, body)
    return caught.value


def test_a_name_is_trimmed_and_composed() -> None:
    """Surrounding space goes, and a letter followed by its accent becomes one character."""
    assert parse_whole(User.type, user(name="  Zoe\u0308 "))["name"] == "Zo\u00eb"


def test_length_is_counted_in_characters() -> None:
    """Two hundred characters of four bytes each are a name, one more is not."""
    assert parse_whole(User.type, user(name="\U0001f600" * 200))["name"] == "\U0001f600" * 200
    assert refusal(user(name="\U0001f600" * 201)).code == "INVALID_NAME"


@pytest.mark.parametrize("name", ["", "   ", "a\x00b", "a\nb", "a\u2028b", "\ue000"])
def test_a_name_nobody_can_have(name: str) -> None:
    """Empty names and control characters are refused."""
    assert refusal(user(name=name)).code == "INVALID_NAME"


def test_one_wrong_field_is_reported_in_the_missions_form() -> None:
    """The details of one wrong field are exactly the field, its value and the constraint."""
    error = refusal(user(email="invalid-email"))
    assert (error.code, error.message) == ("INVALID_EMAIL_FORMAT", "Email address format is invalid")
    assert error.details == {"field": "email", "value": "invalid-email", "constraint": "must be valid email format"}


def test_several_wrong_fields_are_listed_with_the_first_inlined() -> None:
    """With several wrong fields, `details.errors` lists all of them, and `details.field` is the first."""
    details = refusal(orjson.dumps({"email": "x", "nick": "s3cret"})).details
    assert details is not None
    assert details["field"] == details["errors"][0]["field"]
    found = {error["field"]: (error["code"], error["value"]) for error in details["errors"]}
    assert found == {
        "name": ("MISSING_FIELD", None),
        "email": ("INVALID_EMAIL_FORMAT", "x"),
        "nick": ("UNKNOWN_FIELD", None),
    }


@pytest.mark.parametrize("body", [b"", b"{", b'{"name": NaN}', b"\xff\xfe", b'{"name":"\\ud800","email":"a@b.co"}'])
def test_what_is_no_json(body: bytes) -> None:
    """Broken syntax, NaN, bytes that are no text and half a surrogate pair are refused."""
    with pytest.raises((MalformedJson, InvalidRequest)):
        parse_whole(User.type, body)


@pytest.mark.parametrize("body", [b"null", b"[]", b'"x"', b"3", b'{"name":3,"email":"a@example.com"}'])
def test_what_is_json_of_another_shape(body: bytes) -> None:
    """Anything but an object of strings is refused."""
    assert refusal(body).code in ("INVALID_BODY", "INVALID_TYPE")


def test_a_patch_holds_what_was_given() -> None:
    """A field that is left out of a patch stays out; null and an empty patch are refused."""
    assert parse_part(User.type, b'{"name": " Ada "}') == {"name": "Ada"}
    for body, code in ((b"{}", "NOTHING_TO_CHANGE"), (b'{"email": null}', "INVALID_TYPE")):
        with pytest.raises(InvalidRequest) as caught:
            parse_part(User.type, body)
        assert caught.value.code == code


_LOCAL = st.text(st.sampled_from("abcXYZ019._+-\"@ é'!"), min_size=1, max_size=70)
_DOMAIN = st.sampled_from(["example.com", "EXAMPLE.com", "bücher.example.com", "localhost", "a..b", "-a.com", "x.test"])


@given(local=_LOCAL, domain=_DOMAIN)
def test_the_short_cut_for_plain_addresses_agrees_with_the_library(local: str, domain: str) -> None:
    """The short cut for plain addresses accepts, normalizes and refuses addresses exactly as email-validator does."""
    typed = f"{local}@{domain}"
    try:
        expected = validate_email(typed.strip(), check_deliverability=False).normalized
    except EmailNotValidError:
        with pytest.raises(InvalidRequest):
            parse_whole(User.type, user(email=typed))
    else:
        assert parse_whole(User.type, user(email=typed))["email"] == expected


_INVISIBLE = st.text(
    st.one_of(
        st.sampled_from(
            "\u200b\u200c\u200d\u2060\ufeff\u00ad\u034f\u3164\uffa0\u115f\u1160\u2800\u180e\ufe0f\u0301 \u3000"
        ),
        st.characters(min_codepoint=0xE0000, max_codepoint=0xE0FFF),
    ),
    min_size=1,
    max_size=20,
)


@given(name=_INVISIBLE)
def test_a_name_that_shows_nothing_is_refused(name: str) -> None:
    """A name of fillers, joiners, blanks, tags and lone accents, alone or together, is refused."""
    assert refusal(user(name=name)).code == "INVALID_NAME"


@given(
    before=st.text(st.sampled_from("Ada אב"), max_size=5),
    mark=st.sampled_from(
        [chr(code) for code in (0x61C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A))]
    ),
)
def test_a_name_that_turns_its_neighbours_is_refused(before: str, mark: str) -> None:
    """A name with a mark of direction is refused, because the mark would reach beyond the name, wherever it is
    shown."""
    assert refusal(user(name=f"{before}{mark}x")).code == "INVALID_NAME"


@pytest.mark.parametrize(
    "name", ["نرگس", "علی\u200cرضا", "ዮሐንስ", "李小龍", "O'Brien-\u00d1u\u00f1ez", "\U0001f469\u200d\U0001f52c"]
)
def test_names_of_every_script_are_taken(name: str) -> None:
    """Names of every script are accepted; joiners inside words and pictures are part of how they are written."""
    assert parse_whole(User.type, user(name=name))["name"] == name


@pytest.mark.parametrize("email", ["a\u3164b@example.com", "a\u2800@example.com", "\u115fx@example.com"])
def test_an_address_with_unseen_characters_is_refused(email: str) -> None:
    """An address with invisible characters is refused, because it would look like the address of somebody else."""
    assert refusal(user(email=email)).code == "INVALID_EMAIL_FORMAT"


class Parcel(Resource, plural="parcels"):
    """A resource with fields of several types, none of them required."""

    weight: Annotated[int, Integer()] | None = None
    sent: Annotated[bool, Boolean()] | None = None
    note: Annotated[str, Text(max_chars=20, lines=True)] | None = None


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b'{"weight": true}', "INVALID_TYPE"),
        (b'{"weight": "5"}', "INVALID_TYPE"),
        (b'{"weight": 5.5}', "INVALID_TYPE"),
        (b'{"sent": 1}', "INVALID_TYPE"),
        (b'{"sent": "yes"}', "INVALID_TYPE"),
        (b'{"note": " \\n\\t "}', "INVALID_NOTE"),
    ],
)
def test_a_value_is_of_the_kind_that_is_declared(body: bytes, code: str) -> None:
    """A value of another JSON type is not converted to a number or a boolean, and lines without a letter are no
    text."""
    with pytest.raises(InvalidRequest) as caught:
        parse_part(Parcel.type, body)
    assert caught.value.code == code


@pytest.mark.parametrize("sent", ["a\n\nb\t", "a\r\n\r\nb\t", "a\r\rb\t"])
def test_a_line_break_has_one_form(sent: str) -> None:
    """A text of several lines may have the line breaks of any system, as a form in a browser sends CR LF."""
    assert parse_part(Parcel.type, orjson.dumps({"note": sent})) == {"note": "a\n\nb\t"}
