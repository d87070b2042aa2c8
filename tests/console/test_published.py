"""The third-party files that pages use are identical to the published ones."""

import hashlib

import pytest

from holdfast.services.dlq_admin.console.render import assets

_STATIC = assets._FOLDER

#: The SHA-256 of each published file: uplot 1.6.32 dist/uPlot.iife.min.js and dist/uPlot.min.css.
_PUBLISHED = {
    "uplot.min.js": "19c8d4c6ad88929a79f4ae49d6f7161566dfd0ba3d15cc495e974f787eb78f1f",
    "uplot.min.css": "df630c6a8d6f8eeaff264b50f73ce5b114f646ffd9a0bb74f049b0a00135fa04",
}


@pytest.mark.parametrize("name", _PUBLISHED)
def test_as_it_was_published(name: str) -> None:
    """Each file is identical to the published one, and its licence is beside it."""
    content = (_STATIC / name).read_bytes()
    assert hashlib.sha256(content).hexdigest() == _PUBLISHED[name]
    assert (_STATIC / f"{name.partition('.')[0]}.LICENSE.txt").read_text()
