"""Tracing, with a real receiver of OTLP: one trace from the request to the commit, and no request waits for the
receiver."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest

from holdfast.services.api.candidate import Candidate
from holdfast.shared.queue.codec import encode
from holdfast.shared.writes.commands import Write
from holdfast.shared.writes.versions import wall_clock
from tests import otlp, processes
from tests.client import fetch
from tests.conftest import ROOT
from tests.external import PATIENT
from tests.otlp import Receiver, Span
from tests.processes import QUICK, Service, ThirdParty
from tests.servers import START_DEADLINE_S, Database, RedisServer, wait_until
from tests.stream import Stream, new_user
from tests.users import create_user

_SOON = {"OTEL_BSP_SCHEDULE_DELAY": "100"}
_TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
_ID = "0199d5a8-0000-7000-8000-000000000001"
_SENT = f"00-{_TRACE}-00f067aa0ba902b7-01"
_ADA = {"name": "Ada Lovelace", "email": "ada@example.com"}
_OPEN_METRICS = {"Accept": "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5"}


class Traced(NamedTuple):
    """A system whose services send their traces to a receiver."""

    api: httpx.Client
    writer: Service
    receiver: Receiver
    services: Sequence[Service]

    def wait_until_all_has_arrived(self) -> None:
        """Wait until every span that has ended was sent or has failed."""

        def arrived(service: Service) -> bool:
            return _spans(service, "ended") <= _spans(service, "sent") + _spans(service, "failed")

        wait_until(lambda: all(map(arrived, self.services)), what="all has arrived")


@pytest.fixture(scope="module")
def traced(
    tmp_path_factory: pytest.TempPathFactory, redis_server: RedisServer, database: Database
) -> Iterator[Traced]:  # fmt: skip
    """An api, an external_proxy with a third party, and a writer, with a running receiver."""
    with redis_server.client() as redis:
        redis.flushall()
    folder = tmp_path_factory.mktemp("traced")
    with otlp.receiver() as receiver:
        on = _SOON | {"HOLDFAST_OTLP_ENDPOINT": receiver.url}
        party = ThirdParty(folder)
        proxy = processes.external_proxy(folder, redis_server.address, party.url, PATIENT, **on)
        api = processes.api(
            folder, redis_server.address, database.dsn, HOLDFAST_API_EXTERNAL_PROXY_URL=proxy.url, **on
        )  # fmt: skip
        writer = processes.writer(folder, redis_server.address, database.dsn, **(QUICK | on))
        with processes.running(party, proxy, api, writer), api.client() as client:
            yield Traced(client, writer, receiver, (proxy, api, writer))


@pytest.fixture
def receiver(traced: Traced, clean_database: Database) -> Receiver:
    """The receiver without spans, after all spans of earlier tests have arrived."""
    traced.wait_until_all_has_arrived()
    traced.receiver.spans.clear()
    return traced.receiver


def _spans(service: Service, result: str) -> float:
    return service.metric(f'holdfast_spans_total{{result="{result}"}}')


def _one(receiver: Receiver, service: str, name: str) -> Span:
    wait_until(lambda: receiver.named(service, name), what=f"{service}: {name}")
    (span,) = receiver.named(service, name)
    return span


def test_one_trace_from_the_request_to_the_commit(traced: Traced, receiver: Receiver) -> None:
    """The api continues the caller's trace, and so does the writer after the answer; no span contains personal data."""
    answer = traced.api.post("/users", json=_ADA, headers={"traceparent": _SENT})
    assert answer.status_code == 202
    commit = _one(receiver, "writer", "transaction")
    entry = _one(receiver, "writer", "process {holdfast}:writes")
    sent = _one(receiver, "api", "send {holdfast}:writes")
    served = _one(receiver, "api", "POST /users")
    assert {each.trace_id for each in (served, sent, entry, commit)} == {_TRACE}
    parents = [served.parent_id, sent.parent_id, entry.parent_id, commit.parent_id]
    assert parents == ["00f067aa0ba902b7", served.span_id, sent.span_id, entry.span_id]
    assert [each.kind for each in (served, sent, entry, commit)] == ["SERVER", "PRODUCER", "CONSUMER", "CLIENT"]
    assert not any(each.failed for each in (served, sent, entry, commit))
    assert served.attributes["http.route"] == "/users"
    assert served.attributes["http.response.status_code"] == 202
    assert served.attributes["holdfast.request_id"] == answer.headers["x-request-id"]
    assert (entry.attributes["holdfast.outcome"], commit.attributes["db.operation.batch.size"]) == ("Applied", 1)
    assert "Ada" not in repr(receiver.spans)
    assert "example.com" not in repr(receiver.spans)


@pytest.mark.parametrize(
    "sent",
    [["nonsense"], [f"00-{'0' * 32}-00f067aa0ba902b7-01"], [f"ff-{_TRACE}-00f067aa0ba902b7-01"],
     [_SENT, f"00-{'1' * 32}-00f067aa0ba902b7-01"], ["", _SENT]],
)  # fmt: skip
def test_a_malformed_traceparent_is_ignored(traced: Traced, receiver: Receiver, sent: list[str]) -> None:
    """A request with a malformed `traceparent`, or with two of them, starts a trace of its own."""
    assert traced.api.get("/users", headers=[("traceparent", each) for each in sent]).status_code == 200
    served = _one(receiver, "api", "GET /users")
    assert (served.parent_id, served.trace_id == _TRACE) == ("", False)


def test_a_caller_decides_whether_its_trace_is_taken(traced: Traced, receiver: Receiver) -> None:
    """A trace that the caller marks as not sampled leaves no span, not even in the writer, and a sampled one does."""
    assert traced.api.post("/users", json=_ADA, headers={"traceparent": _SENT[:-1] + "0"}).status_code == 202
    assert traced.api.get("/users", headers={"traceparent": _SENT}).status_code == 200
    _one(receiver, "api", "GET /users")
    applied = 'holdfast_outcomes_total{outcome="Applied"}'
    wait_until(lambda: traced.writer.metric(applied) >= 1, what="applied")
    assert not receiver.named("api", "POST /users")
    assert not [each for each in receiver.spans if each.service == "writer"]


def test_a_call_of_the_proxy_is_part_of_the_trace(traced: Traced, receiver: Receiver) -> None:
    """The api's call of the proxy, the proxy's request and its call of the third party are consecutive spans of the
    caller's trace."""
    assert traced.api.get("/external-api", headers={"traceparent": _SENT}).status_code == 200
    call = _one(receiver, "api", "call external_proxy")
    wait_until(lambda: receiver.named("external_proxy", "GET /external"), what="the proxy's span")
    served = _one(receiver, "external_proxy", "GET /external")
    (onwards,) = [each for each in receiver.spans if each.service == "external_proxy" and each.kind == "CLIENT"]
    assert {call.trace_id, served.trace_id, onwards.trace_id} == {_TRACE}
    assert (served.parent_id, onwards.parent_id) == (call.span_id, served.span_id)


def test_writes_of_one_batch_share_a_transaction(
    traced: Traced, receiver: Receiver, clean_redis: RedisServer, clean_database: Database
) -> None:
    """The transaction of a batch is in the trace of the batch's first write; the other write's span and the
    transaction's span link to each other."""
    stream = Stream(clean_redis, clean_database)
    trace = "5bf92f3577b34da6a3ce929d0e0e4736"
    stream.accept([_with(new_user(), _SENT), _with(new_user(), f"00-{trace}-00f067aa0ba902b8-01")])
    commit = _one(receiver, "writer", "transaction")
    wait_until(lambda: len(receiver.named("writer", "process {holdfast}:writes")) == 2, what="both entries' spans")
    mine, other = sorted(receiver.named("writer", "process {holdfast}:writes"), key=lambda each: each.trace_id)
    assert (mine.trace_id, other.trace_id) == (_TRACE, trace)
    assert (commit.trace_id, commit.parent_id, commit.links) == (_TRACE, mine.span_id, (other.span_id,))
    assert other.links == (commit.span_id,)


def test_a_replayed_write_points_to_its_acceptance(
    traced: Traced, receiver: Receiver, clean_redis: RedisServer, clean_database: Database
) -> None:
    """A replayed write gets a trace of its own, because days may have passed, and links to the span of its acceptance.
    It is sampled because the first trace was."""
    command = create_user("Ann", "ann@example.com")
    write = Write(_ID, _ID, command, wall_clock(), traceparent=_SENT, replay="7")
    Stream(clean_redis, clean_database).add_raw(encode(write))
    entry = _one(receiver, "writer", "process {holdfast}:writes")
    assert (entry.parent_id, entry.links) == ("", ("00f067aa0ba902b7",))
    assert entry.trace_id != _TRACE
    assert entry.attributes["holdfast.replay"] == "7"


def test_latencies_lead_to_traces(traced: Traced, receiver: Receiver) -> None:
    """In the OpenMetrics format the latency buckets of a request and of a commit carry the trace as an exemplar; the
    old format has no exemplars."""
    traced.api.post("/users", json=_ADA, headers={"traceparent": _SENT})
    _one(receiver, "writer", "transaction")
    wanted = f'# {{trace_id="{_TRACE}"}}'

    def of(url: str, metric: str) -> list[str]:
        page = fetch("GET", f"{url}/metrics", headers=_OPEN_METRICS)
        assert page.headers["content-type"].startswith("application/openmetrics-text")
        assert page.text.endswith("# EOF\n")
        return [line for line in page.text.splitlines() if line.startswith(metric) and wanted in line]

    api = str(traced.api.base_url)
    assert of(api, "holdfast_http_request_duration_seconds_bucket")
    wait_until(lambda: of(traced.writer.url, "holdfast_commit_delay_seconds_bucket"), what="the commit's exemplar")
    plain = fetch("GET", f"{api}/metrics")
    assert plain.headers["content-type"].startswith("text/plain")
    assert "trace_id" not in plain.text


def test_when_off_nothing_of_it_is_imported() -> None:
    """With tracing off, no service imports the SDK, the exporter or requests (FastAPI imports only OpenTelemetry's
    API); with an endpoint all three are imported, so the check would detect them."""
    program = (
        "import sys; from holdfast.services.api import app; from holdfast.services.writer import app;"
        "from holdfast.services.external_proxy import app; from holdfast.services.dlq_admin import app;"
        "from holdfast.shared.telemetry.tracing import spans;"
        "wanted = ('opentelemetry.sdk.trace', 'opentelemetry.exporter', 'requests');"
        "loaded = lambda: print([name for name in wanted if name in sys.modules]);"
        "spans.begin('api', 'api-1', None, 1); loaded();"
        "spans.begin('api', 'api-1', 'http://127.0.0.1:1', 1); loaded();"
        "spans.end()"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=START_DEADLINE_S, check=True
    )
    off, on = done.stdout.splitlines()
    assert off == "[]"
    assert on == "['opentelemetry.sdk.trace', 'opentelemetry.exporter', 'requests']"


def test_a_receiver_that_hangs_holds_nobody_up(
    tmp_path: Path, clean_redis: RedisServer, clean_database: Database
) -> None:
    """While the receiver hangs, requests are answered, spans that do not fit into the queue are dropped, and the
    process ends in time."""
    with otlp.receiver() as receiver:
        receiver.go_on.clear()
        more = _SOON | {"HOLDFAST_OTLP_ENDPOINT": receiver.url, "OTEL_BSP_MAX_QUEUE_SIZE": "20",
                        "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "5", "HOLDFAST_DRAIN_S": "1"}  # fmt: skip
        api = processes.api(tmp_path, clean_redis.address, clean_database.dsn, **more).start()
        with api.client() as client:
            assert client.get("/users").status_code == 200
            assert receiver.asked.wait(60)
            assert {client.get("/users").status_code for _ in range(60)} == {200}
        assert api.metric('holdfast_spans_total{result="ended"}') > 60
        assert api.metric('holdfast_spans_total{result="sent"}') == 0
        api.stop()  # long before the receiver's timeout
        assert "service_stopped" in api.log.read_text()
    log = api.log.read_text()
    assert "Traceback" not in log
    assert "Queue full" not in log


def test_a_receiver_that_is_gone_is_reported_once(
    tmp_path: Path, clean_redis: RedisServer, clean_database: Database
) -> None:
    """Repeated failures to send traces are logged once, and nothing else about them is logged."""
    with otlp.receiver() as receiver:
        receiver.shutdown()
        receiver.server_close()
        more = _SOON | {"HOLDFAST_OTLP_ENDPOINT": receiver.url, "OTEL_EXPORTER_OTLP_TIMEOUT": "1"}
        api = processes.api(tmp_path, clean_redis.address, clean_database.dsn, **more).start()
        failed = 'holdfast_spans_total{result="failed"}'
        for expected in (1, 2):
            assert fetch("GET", f"{api.url}/users").status_code == 200
            wait_until(lambda expected=expected: api.metric(failed) >= expected, what="lost spans")  # type: ignore[misc]
        api.kill()
    lines = [json.loads(line) for line in api.log.read_text().splitlines()]
    assert [each["action"] for each in lines if "trace" in each.get("action", "")] == ["traces_lost"]
    assert not [each for each in lines if re.search("opentelemetry|urllib3", str(each))]


def _with(candidate: Candidate, traceparent: str) -> Candidate:
    return replace(candidate, traceparent=traceparent)
