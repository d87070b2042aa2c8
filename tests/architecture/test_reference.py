"""The reference pages match the code."""

import json
import re

from deploy.reference.pages import FOLDER, errors, pages
from holdfast.services.api.app import make_app
from holdfast.services.api.settings import ApiSettings


def test_every_page_is_as_its_code() -> None:
    """Every reference page is as its code generates it, so `make docs` would change nothing."""
    for name, text in pages().items():
        assert (FOLDER / name).read_text() == text, f"{name}: make docs"


def test_every_code_in_the_contract_is_explained() -> None:
    """The page of errors has a row for each code in the api's contract, including those of invalid fields."""
    contract = json.dumps(make_app(ApiSettings(profile="demo", db_dsn="mysql://user:password@host/db")).openapi())
    codes = set(re.findall(r'"code": "([A-Z_]+)"', contract))
    assert "INVALID_EMAIL_FORMAT" in codes
    assert codes <= set(re.findall(r"`([A-Z_]+)`", errors()))
