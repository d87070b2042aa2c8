"""Wrong settings end a process with exit code 2 and one line for each."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from holdfast.services.api.settings import ApiSettings
from holdfast.services.dlq_admin.settings import DlqAdminSettings
from holdfast.services.external_proxy.settings import ProxySettings
from holdfast.services.writer.settings import WriterSettings
from holdfast.shared.runtime.read_settings import Wrong, read
from holdfast.shared.runtime.settings import Settings
from tests.conftest import MIGRATE
from tests.processes import IMPORTED
from tests.servers import START_DEADLINE_S
from tests.warm import Warm

_DSN = "mysql://holdfast:s3cret@db/holdfast"
_NO_URL = "must begin with http:// or https://"
_NO_TEXT = "is not text in UTF-8"


@pytest.fixture(autouse=True)
def only_these(monkeypatch: pytest.MonkeyPatch) -> None:
    """An environment with the demo profile, a DSN, and no other setting of Holdfast."""
    for name in list(os.environ):
        if name.startswith(("HOLDFAST_", "DB_", "REDIS_", "OTEL_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOLDFAST_PROFILE", "demo")
    monkeypatch.setenv("DB_DSN", _DSN)


def _wrong(model: type[Settings]) -> list[Wrong]:
    found: list[Wrong] = []
    with pytest.raises(SystemExit) as ended:
        read(model, found.extend)
    assert ended.value.code == 2
    return found


@pytest.mark.parametrize(
    ("model", "name", "value", "fault"),
    [
        (WriterSettings, "HOLDFAST_WRITER_PATIENCE_S", "-1", "must be above 0 s"),
        (WriterSettings, "HOLDFAST_WRITER_BLOCK_MS", "1", "must be at least 10 ms"),
        (WriterSettings, "HOLDFAST_WRITER_CLAIM_IDLE_S", "1e9", "must be at most 3,600 s"),
        (ApiSettings, "HOLDFAST_API_TIMEOUT_S", "0.1", "must be at least 0.5 s"),
        (ApiSettings, "HOLDFAST_API_TIMEOUT_S", "soon", "must be a number"),
        (ApiSettings, "HOLDFAST_API_PORT", "80.5", "must be a whole number"),
        (ApiSettings, "HOLDFAST_LOG_LEVEL", "loud", "must be DEBUG, INFO, WARNING or ERROR"),
        (ApiSettings, "HOLDFAST_API_IDEMPOTENCY_SECRET", "hush", "must have at least 16 characters"),
        (ApiSettings, "OTEL_EXPORTER_OTLP_ENDPOINT", "otlp:1", _NO_URL),
        (WriterSettings, "HOLDFAST_OTLP_ENDPOINT", "http://[otlp", "must be a valid URL, invalid IPv6 address"),
        (ApiSettings, "HOLDFAST_GRAFANA_URL", "grafana:3000", _NO_URL),
        (DlqAdminSettings, "HOLDFAST_DLQ_PROMETHEUS_URL", "localhost:9090", _NO_URL),
        (DlqAdminSettings, "HOLDFAST_DLQ_PROMETHEUS_URL", "http://a:99999", "must be a valid URL, invalid port number"),
        (ApiSettings, "HOLDFAST_API_PROT", "80", "is not known; the nearest name is HOLDFAST_API_PORT"),
        (ApiSettings, "HOLDFAST_HTTP_CORS_ORIGINS", "https://\udcff.example", _NO_TEXT),
        (ApiSettings, "HOLDFAST_DOMAIN", "a\udcffb", _NO_TEXT),
        (ApiSettings, "OTEL_EXPORTER_OTLP_ENDPOINT", "http://\udcff", _NO_TEXT),
        (ProxySettings, "HOLDFAST_LISTEN_HOST", "\udcff", _NO_TEXT),
        (ProxySettings, "HOLDFAST_PROXY_CONFIG", '{"fallback": {"default": {"\udcff": 1}}}', _NO_TEXT),
        (ApiSettings, "HOLDFAST_REVISION", "a b", "must match ^[A-Za-z0-9._+-]{1,64}$"),
        (ProxySettings, "HOLDFAST_PROXY_CONFIG", '{"total_s', "must be a JSON object"),
    ],
)
def test_a_wrong_variable_is_named_with_its_fault(
    monkeypatch: pytest.MonkeyPatch, model: type[Settings], name: str, value: str, fault: str
) -> None:
    """A wrong variable is reported under the name that the operator set, with its fault in plain words and with the
    unit."""
    monkeypatch.setenv(name, value)
    assert _wrong(model) == [(name, "environment", fault)]


def test_all_that_is_wrong_is_reported_at_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """All wrong values, names, files and relations are reported at once, except a relation that involves a wrong value,
    because it cannot be judged."""
    monkeypatch.delenv("DB_DSN")
    monkeypatch.setenv("DB_DSN_FILE", str(tmp_path / "missing"))
    monkeypatch.setenv("HOLDFAST_DRAIN_S", "never")
    monkeypatch.setenv("HOLDFAST_WRITER_BLOCK_MS", "5000")
    monkeypatch.setenv("HOLDFAST_WRITER_CLAIM_IDLE_S", "-1")
    monkeypatch.setenv("HOLDFAST_WRITER_PATIENCE_S", "20")
    monkeypatch.setenv("HOLDFAST_XYZ", "1")
    assert _wrong(WriterSettings) == [
        ("HOLDFAST_DRAIN_S", "environment", "must be a number"),
        ("DB_DSN_FILE", "environment", f"{tmp_path / 'missing'}: No such file or directory"),
        ("HOLDFAST_WRITER_CLAIM_IDLE_S", "environment", "must be above 0 s"),
        ("HOLDFAST_XYZ", "environment", "is not known"),
        (
            "HOLDFAST_WRITER_BLOCK_MS, HOLDFAST_REDIS_TIMEOUT_S",
            "environment, default",
            "time limits are the wrong way round: a block: HOLDFAST_WRITER_BLOCK_MS (5 s) = 5 s is not below"
            " HOLDFAST_REDIS_TIMEOUT_S (2 s)",
        ),
    ]


def test_one_port_cannot_serve_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    """The port of dlq_admin's metrics differs from that of its HTTP server."""
    monkeypatch.setenv("HOLDFAST_DLQ_PORT", "8083")
    assert _wrong(DlqAdminSettings) == [
        (
            "HOLDFAST_DLQ_PORT, HOLDFAST_DLQ_METRICS_PORT",
            "environment, default",
            "HOLDFAST_DLQ_PORT and HOLDFAST_DLQ_METRICS_PORT are both 8083",
        )
    ]


def test_a_wrong_domain_hides_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A domain that is no module does not hide a further fault, here an unknown name."""
    monkeypatch.setenv("HOLDFAST_DOMAIN", "nowhere")
    monkeypatch.setenv("HOLDFAST_DRAN_S", "1")
    assert _wrong(ApiSettings) == [
        (
            "HOLDFAST_DOMAIN",
            "environment",
            "nowhere cannot be served: ModuleNotFoundError: No module named 'nowhere'",
        ),
        ("HOLDFAST_DRAN_S", "environment", "is not known; the nearest name is HOLDFAST_DRAIN_S"),
    ]


def test_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every missing setting is named: the DSN, and what an api in production needs."""
    monkeypatch.delenv("DB_DSN")
    monkeypatch.delenv("HOLDFAST_PROFILE")
    assert _wrong(ApiSettings) == [
        ("DB_DSN", "not set", "is needed, and is not set"),
        ("HOLDFAST_KEYS_FILE", "default", "the production profile needs API keys: HOLDFAST_KEYS_FILE"),
        (
            "HOLDFAST_API_IDEMPOTENCY_SECRET",
            "default",
            "the production profile needs a secret for keys of requests: HOLDFAST_API_IDEMPOTENCY_SECRET",
        ),
    ]


def test_a_value_in_a_file_is_named_with_its_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A wrong value in a file is reported with the path of the file, and the content of the file is not repeated."""
    (tmp_path / "secret").write_text("hush")
    monkeypatch.setenv("HOLDFAST_API_IDEMPOTENCY_SECRET_FILE", str(tmp_path / "secret"))
    assert _wrong(ApiSettings) == [
        ("HOLDFAST_API_IDEMPOTENCY_SECRET", f"file {tmp_path / 'secret'}", "must have at least 16 characters")
    ]


def test_a_part_of_a_document_is_named_with_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    """A wrong part of the proxy's configuration is reported with its path in the document."""
    monkeypatch.setenv("HOLDFAST_PROXY_CONFIG", '{"breaker": {"open_s": 0}, "retries": 1}')
    assert _wrong(ProxySettings) == [
        ("HOLDFAST_PROXY_CONFIG.breaker.open_s", "environment", "must be above 0 s"),
        ("HOLDFAST_PROXY_CONFIG.retries", "environment", "is not known"),
    ]


def test_a_file_is_read_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A file is read once, because it may be a pipe. A missing file is reported for a setting of any type."""
    reading, writing = os.pipe()
    with os.fdopen(reading), os.fdopen(writing, "w") as pipe:
        pipe.write(_DSN)
        pipe.close()
        monkeypatch.delenv("DB_DSN")
        monkeypatch.setenv("DB_DSN_FILE", f"/dev/fd/{reading}")
        assert read(ApiSettings).db_dsn == _DSN
    missing = tmp_path / "missing"
    for name in ("HOLDFAST_PROXY_CONFIG", "HOLDFAST_DRAIN_S", "HOLDFAST_LOG_LEVEL", "HOLDFAST_PROXY_THIRD_PARTY_URL"):
        with monkeypatch.context() as one:
            one.setenv(f"{name}_FILE", str(missing))
            assert _wrong(ProxySettings) == [(f"{name}_FILE", "environment", f"{missing}: No such file or directory")]


def _run(imports: str, module: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    wrong = {"HOLDFAST_DRAIN_S": "0", "HOLDFAST_PROFIL": "demo", "DB_DSN": "s3cret"}
    return Warm.of(imports).run(module, arguments, os.environ | wrong, START_DEADLINE_S)


@pytest.mark.parametrize("service", ["api", "writer", "external_proxy", "dlq_admin"])
def test_a_service_logs_them_and_ends(service: str) -> None:
    """A service with wrong settings logs one structured line for each and ends with exit code 2, without a
    traceback."""
    done = _run(IMPORTED, f"holdfast.services.{service}")
    assert (done.returncode, done.stderr) == (2, "")
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert {(line["service"], line["action"], line["level"]) for line in lines} == {
        (service, "setting_refused", "error")
    }
    stores = [] if service == "external_proxy" else ["DB_DSN"]
    assert sorted(line["setting"] for line in lines) == [*stores, "HOLDFAST_DRAIN_S", "HOLDFAST_PROFIL"]
    assert "s3cret" not in done.stdout


@pytest.mark.parametrize(
    "command",
    [
        [IMPORTED, "holdfast.services.dlq_admin", "ledger"],
        [IMPORTED, "holdfast.services.dlq_admin", "verify-audit"],
        [IMPORTED, "holdfast.services.dlq_admin", "partitions", "4"],
        [MIGRATE, "holdfast.migrations"],
        [MIGRATE, "holdfast.migrations", "revision", "add_phone"],
    ],
    ids=lambda command: " ".join(command[1:]),
)
def test_a_command_prints_them_and_ends(command: list[str]) -> None:
    """A command with wrong settings prints one line for each and ends with exit code 2, without a traceback."""
    done = _run(*command)
    assert (done.returncode, done.stdout) == (2, "")
    lines = done.stderr.splitlines()
    assert [line.partition(":")[0] for line in lines] == [
        "HOLDFAST_DRAIN_S (environment)", "DB_DSN (environment)", "HOLDFAST_PROFIL (environment)",
    ]  # fmt: skip
    assert "s3cret" not in done.stderr
