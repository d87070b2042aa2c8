"""The catalogue against running processes: all that they export is declared, they export all that is declared, and
counters exist from 0 on."""

from collections.abc import Iterator, Mapping
from contextlib import suppress

import pytest
from prometheus_client import Counter, Gauge, Histogram
from prometheus_client.metrics import MetricWrapperBase
from prometheus_client.parser import text_string_to_metric_families

from deploy.announce import Announcer
from holdfast.shared.http.outcome import RequestOutcome
from holdfast.shared.queue.names import DEAD
from holdfast.shared.telemetry import metrics
from tests import keys, letters, processes
from tests.client import fetch
from tests.external import NOWHERE, PATIENT
from tests.processes import QUICK, Service
from tests.servers import Database, RedisServer, wait_until

DECLARED: Mapping[str, MetricWrapperBase] = {
    metric._name: metric for metric in vars(metrics).values() if isinstance(metric, MetricWrapperBase)
}
_TYPES = {Counter: "counter", Gauge: "gauge", Histogram: "histogram"}
#: Their label sets are known only after an event: a request to a route, a fault, a heartbeat.
_BORN_LATER = {
    "holdfast_http_requests", "holdfast_http_errors", "holdfast_http_request_duration_seconds",
    "holdfast_fault_active", "holdfast_fault_last_start_timestamp_seconds", "holdfast_fault_last_end_timestamp_seconds",
    "holdfast_recovery_phase_seconds", "holdfast_heartbeat_timestamp_seconds", "holdfast_failures",
}  # fmt: skip
#: What a service reports about its own dependencies and loops, and no other service can report.
_OF_ITS_OWN = {
    "holdfast_attempts", "holdfast_retries_suppressed", "holdfast_breaker_transitions",
    "holdfast_breaker_refused_calls", "holdfast_breaker_would_refuse_calls", "holdfast_breaker_unsuccessful_calls",
    "holdfast_loop_crashes",
}  # fmt: skip

Family = dict[str, tuple[str, set[tuple[str, ...]]]]


def scrape(service: Service) -> Family:
    """Return the type and the sets of label names of each metric that has a sample, by name."""
    found: Family = {}
    for family in text_string_to_metric_families(fetch("GET", service.metrics_url).text):
        if family.name.startswith("holdfast_") and family.samples:
            labels = {tuple(sorted(set(sample.labels) - {"le"})) for sample in family.samples}
            found[family.name] = (family.type, labels)
    return found


@pytest.fixture(scope="module")
def services(
    tmp_path_factory: pytest.TempPathFactory, redis_server: RedisServer, database: Database
) -> Iterator[dict[str, Service]]:
    """One process of each service, right after its start."""
    with redis_server.client() as redis:
        redis.flushall()
    at = (tmp_path_factory.mktemp("services"), redis_server.address, database.dsn)
    started = {
        "writer": processes.writer(*at, **QUICK),
        "external_proxy": processes.external_proxy(at[0], redis_server.address, f"http://{NOWHERE}", PATIENT),
        "dlq_admin": processes.dlq_admin(*at, HOLDFAST_DLQ_AUDIT_EVERY_S="0.2"),
    }
    started["api"] = processes.api(
        *at, HOLDFAST_API_HEARTBEAT_S="0.3", HOLDFAST_API_EXTERNAL_PROXY_URL=started["external_proxy"].url
    )
    with processes.running(*started.values()):
        yield started


@pytest.fixture(scope="module")
def fresh(services: dict[str, Service]) -> dict[str, Family]:
    """What each service exports before it has received any request."""
    admin = services["dlq_admin"]
    wait_until(lambda: "holdfast_ledger_missing_writes" in scrape(admin), what="a first look")
    wait_until(lambda: "holdfast_dead_letters_open" in scrape(admin), what="a look at the letters")
    wait_until(lambda: "holdfast_stream_trimmed_unread_entries" in scrape(admin), what="a look at the streams")
    return {name: scrape(service) for name, service in services.items()}


def test_what_can_be_counted_is_born_at_0(fresh: dict[str, Family]) -> None:
    """A counter whose labels are known is exported before it counts, by every service or by the services it belongs
    to."""
    for name, metric in DECLARED.items():
        if not isinstance(metric, Counter) or name in _BORN_LATER:
            continue
        exporting = {service for service, families in fresh.items() if name in families}
        assert exporting, name
        assert exporting == set(fresh) or name in _OF_ITS_OWN, (name, exporting)


def test_of_a_route_that_nobody_has_used_every_outcome_is_0(services: dict[str, Service]) -> None:
    """An unused route exports every outcome at 0, so that its first request shows even if it is one in an outage."""
    documented = fetch("GET", f"{services['api'].url}/openapi.json").json()["paths"]
    timed = set()
    for family in text_string_to_metric_families(fetch("GET", services["api"].metrics_url).text):
        if family.name == "holdfast_http_request_duration_seconds":
            timed |= {
                (sample.labels["route"].replace(":path", ""), sample.labels["outcome"]) for sample in family.samples
            }
    assert {(path, outcome.value) for path in documented for outcome in RequestOutcome} <= timed


def test_every_service_tells_of_its_breakers_loops_and_pools(fresh: dict[str, Family]) -> None:
    """Every service exports its breakers, loops, pools, event loop lag and requests in flight."""
    for name in ("holdfast_breaker_state", "holdfast_breaker_transitions", "holdfast_breaker_recovery_seconds",
                 "holdfast_dependency_call_duration_seconds", "holdfast_loop_crashes", "holdfast_pool_in_use",
                 "holdfast_pool_capacity", "holdfast_event_loop_lag_seconds", "holdfast_http_requests_in_flight",
                 "holdfast_build_info"):  # fmt: skip
        assert {service for service, families in fresh.items() if name in families} == set(fresh), name


def test_what_one_service_knows_no_other_says(fresh: dict[str, Family]) -> None:
    """Only dlq_admin exports the auditor's gauges: in another service such a gauge would be 0 because nothing set
    it."""
    of_the_auditor = [
        name
        for name in DECLARED
        if name.startswith(("holdfast_stream_", "holdfast_ledger_", "holdfast_probe_", "holdfast_dead_letters_open"))
    ] + ["holdfast_dead_letters_oldest_timestamp_seconds", "holdfast_replay_letters"]
    assert len(of_the_auditor) == 11
    for name in of_the_auditor:
        assert [service for service, families in fresh.items() if name in families] == ["dlq_admin"], name


def _exported(services: dict[str, Service]) -> Family:
    """Return what all services export, with the labels that any of them uses."""
    exported: Family = {}
    for service in services.values():
        for name, (kind, labels) in scrape(service).items():
            _, others = exported.get(name, (kind, set()))
            exported[name] = (kind, others | labels)
    return exported


def test_declared_and_exported_are_the_same(
    services: dict[str, Service], fresh: dict[str, Family], redis_server: RedisServer
) -> None:
    """After some use of every service, the exported and the declared metrics are the same, with the same types and
    labels."""
    api, admin = services["api"], services["dlq_admin"]
    fetch(
        "POST",
        f"{api.url}/users",
        json={"name": "Ann", "email": "ann@example.com"},
        headers={"Prefer": "wait=5"},
        timeout=30,
    )
    assert fetch("GET", f"{api.url}/users/nobody").status_code >= 400
    fetch("GET", f"{api.url}/external-api")
    with redis_server.client() as redis:
        redis.xadd(DEAD, letters.fields())
    runner = Announcer(admin.url, keys.ANNOUNCER)
    with runner.announced("catalogue", "host"):
        pass
    runner.recovered("catalogue", {"detect": 1}, "passed")
    writer = services["writer"]
    wait_until(lambda: 'heartbeat_timestamp_seconds{stage="committed"}' in fetch("GET", writer.metrics_url).text)
    # A probe of the auditor that failed at the start, on a busy machine, is repeated after a while.
    with suppress(AssertionError):
        wait_until(lambda: set(DECLARED) <= set(_exported(services)))

    exported = _exported(services)
    for name, (kind, labels) in exported.items():
        metric = DECLARED[name]
        assert kind == next(declared for made, declared in _TYPES.items() if isinstance(metric, made)), name
        assert labels == {tuple(sorted(metric._labelnames))}, name
    assert set(DECLARED) - set(exported) == set()
    assert fresh
