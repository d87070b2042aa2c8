"""Addresses: each has one owner, however the address is typed."""

import unicodedata

import idna
import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.shared.domain.email import EMAIL_MAX_CHARS, Email
from holdfast.shared.domain.users import email_key

clean_email = Email().clean


def other_ways(email: str) -> set[str]:
    """Return `email` as others may type it: in capitals, in either Unicode form, with its domain in ASCII."""
    local, _, domain = email.rpartition("@")
    in_ascii = f"{local}@{idna.encode(domain, uts46=True).decode()}"
    dots = domain.replace(".", "\u3002")
    in_capitals = "".join(char if char == "ß" else char.upper() for char in in_ascii)  # upper() makes "SS" of "ß"
    ways = {email, in_ascii, in_capitals, f" {email}\t", f"{local}@{dots}"}
    return ways | {unicodedata.normalize(form, way) for way in ways for form in ("NFC", "NFD")}


_LABEL = st.text(st.sampled_from("abzäßéñø"), min_size=1, max_size=8)
_LOCAL = st.text(st.sampled_from("abcXYZäßéÑ019"), min_size=1, max_size=12)


@given(local=_LOCAL, label=_LABEL)
def test_every_way_of_typing_finds_the_same_owner(local: str, label: str) -> None:
    """The key that is stored for one spelling of an address is the key by which every other spelling is looked up."""
    email = f"{local}@{label}.example"
    key = email_key(clean_email(email))
    assert {email_key(clean_email(way)) for way in other_ways(email)} == {key}
    assert {email_key(way.strip()) for way in other_ways(email)} == {key}


@given(ones=st.tuples(_LOCAL, _LABEL), others=st.tuples(_LOCAL, _LABEL))
def test_other_mailboxes_are_other_owners(ones: tuple[str, str], others: tuple[str, str]) -> None:
    """Two addresses have the same key exactly when IDNA takes their domains for one and their local parts differ at
    most in case and Unicode form."""
    one, other = (f"{local}@{label}.example" for local, label in (ones, others))
    same = idna.encode(ones[1], uts46=True) == idna.encode(others[1], uts46=True) and (
        unicodedata.normalize("NFC", ones[0].lower()) == unicodedata.normalize("NFC", others[0].lower())
    )
    assert (email_key(one) == email_key(other)) == same


def test_two_streets() -> None:
    """`ß` and `ss` are different letters, in a domain and before it."""
    assert email_key("info@straße.example") != email_key("info@strasse.example")
    assert email_key("groß@x.example") != email_key("gross@x.example")
    assert email_key("info@straße.example") == email_key("INFO@XN--STRAE-OQA.example")


@given(st.text(min_size=1, max_size=120), st.text(min_size=1, max_size=120))
def test_whatever_is_on_the_wire_has_a_key(local: str, domain: str) -> None:
    """Any address in an entry has a key, which is its own key: old and hand-made entries may hold addresses that the
    api refuses."""
    key = email_key(f"{local}@{domain}"[:EMAIL_MAX_CHARS])
    assert email_key(key) == key or "@" not in key


@pytest.mark.parametrize("label", ["xn--zzzzzz", "xn--", "xn--a", "a_b", "-x", "x" * 70])
def test_a_domain_that_idna_refuses_has_a_key(label: str) -> None:
    """The key of an address with a domain that IDNA refuses is the address in lower case."""
    assert email_key(f"A@{label}.EXAMPLE") == f"a@{label}.example"
