"""The registry: one domain per process, and no resource with an ambiguous name."""

import re
from pathlib import Path
from typing import Annotated

import pytest
from pydantic import ValidationError

from holdfast.services.api.settings import ApiSettings
from holdfast.shared.domain.field_types import Text
from holdfast.shared.domain.registry import RESERVED, Domain, domain, load
from holdfast.shared.domain.resource import DeclarationError, Resource, Unique
from holdfast.shared.letters.index import tables as of_letters
from holdfast.shared.queue import names
from holdfast.shared.store.tables import metadata
from tests import apps

_NAME = re.compile(r"[a-z_]+")


def test_names_that_holdfast_has_are_reserved(tmp_path: Path) -> None:
    """The names of Holdfast's keys in Redis, of its tables, and of the api's paths are reserved, except those of the
    users that it declares."""
    keys = {
        value.removeprefix(names.PREFIX).partition(":")[0]
        for value in vars(names).values()
        if isinstance(value, str) and value.startswith(names.PREFIX)
    }
    tables = {table for each in (metadata, of_letters.letters.metadata) for table in each.tables}
    served = {
        path.split("/")[1] for method in ("GET", "POST") for path in apps.paths(apps.make("api", tmp_path), method)
    }
    mine = {resource.plural for resource in domain().resources}
    own = {name for name in keys | tables | served if _NAME.fullmatch(name)} - mine
    assert own <= RESERVED


@pytest.mark.parametrize("name", sorted(RESERVED))
def test_a_reserved_name_is_refused(name: str) -> None:
    """A reserved name is refused as the plural and as the singular name of a resource, with a message that contains
    it."""

    class First(Resource, plural=name):
        note: Annotated[str, Text(max_chars=10)]

    class Second(Resource, plural="seconds", singular=name):
        note: Annotated[str, Text(max_chars=10)]

    for resource in (First, Second):
        with pytest.raises(DeclarationError, match=name):
            Domain([resource.type])


def test_schemas_of_the_description_have_a_name_of_their_own() -> None:
    """A resource is refused if it has the name of another resource's schema, or if one of its schemas has the name of
    one of Holdfast's."""

    class Data(Resource, plural="datas"):
        note: Annotated[str, Text(max_chars=10)]

    class Book(Resource, plural="books"):
        note: Annotated[str, Text(max_chars=10)]

    class BookPatch(Resource, plural="patches"):
        note: Annotated[str, Text(max_chars=10)]

    with pytest.raises(DeclarationError, match=r"Data: Holdfast itself uses the name Data, as .* names` lists"):
        Domain([Data.type])
    with pytest.raises(DeclarationError, match=r"would be called BookPatch$"):
        Domain([Book.type, BookPatch.type])


def test_claims_have_a_name_of_their_own() -> None:
    """Two fields that keep their claims under one name are refused."""

    class First(Resource, plural="firsts"):
        code: Annotated[str, Text(max_chars=10), Unique(claims="codes.all")]

    class Second(Resource, plural="seconds"):
        code: Annotated[str, Text(max_chars=10), Unique(claims="codes.all")]

    with pytest.raises(DeclarationError, match="one name"):
        Domain([First.type, Second.type])


def test_a_package_is_named_by_its_import() -> None:
    """A domain has the resources that its module declares and imports, and a module without a resource is refused."""
    assert {each.plural for each in load("tests.articles").resources} == {"articles", "users"}
    with pytest.raises(DeclarationError, match="declares no resource"):
        load("tests.keys")


@pytest.mark.parametrize(
    ("name", "why"),
    [("tests.keys", "declares no resource"), ("nowhere.at.all", "No module named"), ("tests.articles", "")],
)
def test_a_domain_is_checked_at_start(monkeypatch: pytest.MonkeyPatch, name: str, why: str) -> None:
    """A domain is checked at the start, and a wrong one is refused with a message that has its name and the fault."""
    monkeypatch.setenv("HOLDFAST_DOMAIN", name)
    if not why:
        assert ApiSettings(profile="demo", db_dsn="mysql://a:b@c/d").domain == name
        return
    with pytest.raises(ValidationError, match=f"{name} cannot be served: .*{why}"):
        ApiSettings(profile="demo", db_dsn="mysql://a:b@c/d")
