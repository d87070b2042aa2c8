"""The short form of `make test-upgrade`: each build understands what the other one writes."""

import json
from typing import Any

import pytest

from holdfast.services.api.settings import ApiSettings
from holdfast.services.dlq_admin.settings import DlqAdminSettings
from holdfast.services.external_proxy.settings import ProxySettings
from holdfast.services.writer.settings import WriterSettings
from holdfast.shared.queue.codec import decode, encode
from holdfast.shared.runtime.settings import Settings
from holdfast.shared.store.apply import apply
from holdfast.shared.store.engine import make_engine
from holdfast.shared.writes.decide import Delivery
from holdfast.shared.writes.outcome import Applied
from tests.servers import PATIENT_DATABASE, Database
from tests.upgrade import previous
from tests.upgrade.record import RECORDED

_RECORDED: dict[str, Any] = json.loads(RECORDED.read_text())
_ENTRIES: dict[str, dict[str, str]] = _RECORDED["entries"]


def _fields(entry: str) -> dict[bytes, bytes]:
    return {name.encode(): value.encode() for name, value in _ENTRIES[entry].items()}


@pytest.mark.parametrize("entry", _ENTRIES)
def test_an_entry_means_the_same_to_both_builds(entry: str) -> None:
    """Each field of an entry that the earlier writer knows is as the earlier api wrote it, so both builds read it
    alike; a writer ignores fields that it does not know."""
    ours = encode(decode(_fields(entry)))
    theirs = {name: value for name, value in _ENTRIES[entry].items() if name != "build"}
    assert {name: ours[name] for name in theirs} == theirs


def test_entries_of_before_are_applied(clean_database: Database) -> None:
    """Entries of the earlier build, from create to delete, are applied to the current tables."""
    engine = make_engine(clean_database.dsn, PATIENT_DATABASE, 1)
    for version, entry in enumerate(("heartbeat", "create", "update", "replace", "delete"), 1):
        write = decode(_fields(entry))._replace(version=version, operation_id=f"{version:036d}")
        [outcome] = apply(engine, [Delivery(write, f"{version}-0")], lambda _: False, lambda _: None)
        assert outcome == Applied(version), entry
    engine.dispose()


@pytest.mark.parametrize("settings", [ApiSettings, WriterSettings, DlqAdminSettings, ProxySettings])
def test_settings_of_before_are_settings_still(settings: type[Settings]) -> None:
    """Every setting of the earlier release still exists, so its settings file does not prevent a start."""
    assert set(_RECORDED["settings"][settings.__name__]) <= settings.model_fields.keys()


def test_what_is_recorded_is_of_the_previous_release() -> None:
    """The record is of the previous release; after a release, `python -m tests.upgrade.record` updates it."""
    assert _RECORDED["release"] == previous.name()
