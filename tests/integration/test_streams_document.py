"""The AsyncAPI document matches what is really on the streams."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

import jsonschema_rs
from faststream.specification import AsyncAPI

from holdfast.shared.queue.asyncapi import document
from holdfast.shared.queue.entry import Entry
from holdfast.shared.queue.names import WRITERS_GROUP, WRITES
from holdfast.shared.queue.subscribe import subscriber_app
from tests.conftest import ROOT
from tests.integration.conftest import StartWriter
from tests.servers import RedisServer, wait_until
from tests.stream import Stream, change, new_user


def _validator(schema: str) -> jsonschema_rs.Validator:
    return jsonschema_rs.validator_for(document()["components"]["schemas"][schema])


def _text(fields: Mapping[bytes, bytes]) -> dict[str, Any]:
    return {name.decode(): value.decode() for name, value in fields.items()}


def test_entries_are_as_documented(stream: Stream, own_redis: RedisServer) -> None:
    """The entries that the accept script writes match their commands' schemas, and the schemas refuse a malformed
    version."""
    made = new_user()
    stream.accept([made])
    stream.accept([change(made.entity_id, name="Bea")])
    with own_redis.client() as client:
        entries = [_text(fields) for _, fields in client.xrange(WRITES)]
    assert [entry["command"] for entry in entries] == ["CreateUser", "UpdateUser"]
    for entry in entries:
        _validator(entry["command"]).validate(entry)
        assert not _validator(entry["command"]).is_valid(entry | {"version": "soon"})


def test_anybodys_own_resources_are_documented() -> None:
    """The command prints the document of the resources that HOLDFAST_DOMAIN names."""
    command = [sys.executable, "-m", "holdfast.shared.queue.asyncapi"]
    environment = os.environ | {"HOLDFAST_DOMAIN": "tests.articles"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    assert {"CreateArticle", "UpdateArticle", "DeadLetter"} <= json.loads(done.stdout)["components"]["schemas"].keys()


def test_a_dead_letter_is_as_documented(stream: Stream, start_writer: StartWriter) -> None:
    """A dead letter of a writer matches the schema of dead letters, and the schema refuses an unknown reason."""
    stream.add_raw({"schema": "1", "command": "nobody knows"})
    start_writer()
    wait_until(stream.dead, what="the dead letter")
    [letter] = stream.dead()
    validator = _validator("DeadLetter")
    validator.validate(_text(letter))
    assert not validator.is_valid(_text(letter) | {"reason": "bad luck"})


def test_the_writer_reads_what_the_document_says() -> None:
    """FastStream's own description of the writer's subscriber names the same stream and group as the document."""

    async def handle(batch: list[Entry]) -> None:
        raise AssertionError(batch)

    async def described() -> dict[str, Any]:
        app = subscriber_app(
            "queue:6379", WRITES, WRITERS_GROUP, "one", handle, lambda: None, batch_max=1, block_ms=1, timeout_s=1
        )
        assert app.broker is not None
        return AsyncAPI(app.broker, schema_version="3.0.0").to_specification().to_jsonable()

    [channel] = asyncio.run(described())["channels"].values()
    ours = document()
    assert channel["address"] == ours["channels"]["writes"]["address"]
    assert channel["bindings"]["redis"]["groupName"] == ours["operations"]["writer_applies"]["x-redis"]["XREADGROUP"]
