"""deploy/kubernetes, read as data: its form, and the rules that apply to compose's containers too."""

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from deploy import read_yaml
from holdfast.services.api.settings import ApiSettings
from holdfast.services.dlq_admin.settings import DlqAdminSettings
from holdfast.services.external_proxy.settings import ProxySettings
from holdfast.services.writer.settings import WriterSettings
from holdfast.shared.queue.names import WRITES
from holdfast.shared.runtime.settings import Settings
from holdfast.shared.runtime.variables import variable_of

FOLDER = Path(__file__).parent.parent.parent / "deploy/kubernetes"
FILES = read_yaml.document((FOLDER / "kustomization.yaml").read_text())["resources"]
DOCUMENTS: list[dict[str, Any]] = [
    document for file in FILES for document in read_yaml.documents((FOLDER / file).read_text())
]
SERVICES: dict[str, tuple[type[Settings], str]] = {
    "api": (ApiSettings, "api_port"),
    "writer": (WriterSettings, "writer_port"),
    "external-proxy": (ProxySettings, "proxy_port"),
    "dlq-admin": (DlqAdminSettings, "dlq_port"),
}
#: The setting of the port that exports metrics, if it is not the service's own port.
METRICS = {"dlq-admin": "dlq_metrics_port"}
PODS = {
    document["metadata"]["name"]: document["spec"]["template"]["spec"]
    for document in DOCUMENTS
    if document["kind"] in ("Deployment", "Job")
}


def _one(kind: str, name: str) -> dict[str, Any]:
    found = [each for each in DOCUMENTS if (each["kind"], each["metadata"]["name"]) == (kind, name)]
    assert len(found) == 1, (kind, name)
    return found[0]


def test_every_document_says_what_it_is() -> None:
    """Every document has a version, a kind and a name, no two have the same, and every file belongs to the base."""
    names = [(each["apiVersion"], each["kind"], each["metadata"]["name"]) for each in DOCUMENTS]
    assert len(names) == len(set(names))
    assert {path.name for path in FOLDER.glob("*.yaml")} == {*FILES, "kustomization.yaml"}


@pytest.mark.parametrize("name", PODS)
def test_every_pod_is_confined(name: str) -> None:
    """Every pod runs without root, write access, capabilities, a token of the cluster and injected service variables,
    and with limits."""
    pod = PODS[name]
    assert pod["automountServiceAccountToken"] is False
    assert pod["enableServiceLinks"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True
    (container,) = pod["containers"]
    inside = container["securityContext"]
    assert (inside["allowPrivilegeEscalation"], inside["readOnlyRootFilesystem"]) == (False, True)
    assert inside["capabilities"] == {"drop": ["ALL"]}
    assert set(container["resources"]["limits"]) == {"cpu", "memory"}


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_is_probed_scraped_and_ended_gently(name: str) -> None:
    """Every service is probed and scraped on the ports that it listens on, and has time for the pause before SIGTERM
    and for the drain."""
    settings, port_setting = SERVICES[name]
    port = settings.model_fields[port_setting].default
    deployment = _one("Deployment", name)
    pod = PODS[name]
    (container,) = pod["containers"]
    metrics_port = settings.model_fields[METRICS.get(name, port_setting)].default
    listens = [{"name": "http", "containerPort": port}]
    assert container["ports"] == listens + [{"name": "metrics", "containerPort": metrics_port}] * (metrics_port != port)
    assert container["livenessProbe"]["httpGet"] == {"path": "/livez", "port": "http"}
    assert container["readinessProbe"]["httpGet"] == {"path": "/readyz", "port": "http"}
    assert deployment["spec"]["template"]["metadata"]["annotations"]["prometheus.io/port"] == str(metrics_port)
    pause_s = int(container["lifecycle"]["preStop"]["exec"]["command"][-1])
    assert pod["terminationGracePeriodSeconds"] > pause_s + settings.model_fields["drain_s"].default
    assert deployment["spec"]["selector"]["matchLabels"] == deployment["spec"]["template"]["metadata"]["labels"]
    assert _one("PodDisruptionBudget", name)["spec"]["selector"] == deployment["spec"]["selector"]


@pytest.mark.parametrize("name", SERVICES)
def test_every_variable_is_a_setting(name: str) -> None:
    """Every variable is a setting that the service accepts, and the files that its settings name are mounted from its
    secret."""
    settings, _ = SERVICES[name]
    (container,) = PODS[name]["containers"]
    known = {variable_of(field, info) for field, info in settings.model_fields.items()}
    own = {each["name"] for each in container.get("env", ())}
    assert own <= known | {f"{each}_FILE" for each in known}
    values = _one("ConfigMap", "holdfast")["data"] | {each["name"]: each["value"] for each in container.get("env", ())}
    (secret,) = [each["secret"] for each in PODS[name]["volumes"] if "secret" in each]
    mounted = {f"/run/holdfast/{each['path']}" for each in secret["items"]}
    files = {values[f"{each}_FILE"] for each in known if f"{each}_FILE" in values}
    keys = {values["HOLDFAST_KEYS_FILE"]} if name != "writer" else set()  # its port answers health and metrics only
    assert files | keys == mounted


def test_what_scales_declares_no_count() -> None:
    """Scaled deployments declare no replica count, because every `apply` would undo the scaling, and writers scale by
    the stream that they read."""
    for name, kind in (("api", "HorizontalPodAutoscaler"), ("writer", "ScaledObject")):
        assert "replicas" not in _one("Deployment", name)["spec"]
        assert _one(kind, name)["spec"]["scaleTargetRef"]["name"] == name
    (trigger,) = _one("ScaledObject", "writer")["spec"]["triggers"]
    assert trigger["metadata"]["stream"] == WRITES
    assert all(isinstance(value, str) for value in trigger["metadata"].values())


def test_the_network_is_closed_first() -> None:
    """All traffic is denied by default; only the external proxy may reach the whole world, over TLS, and only users of
    the database may reach it."""
    assert _one("NetworkPolicy", "nobody")["spec"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    assert _one("NetworkPolicy", "external-proxy")["spec"]["egress"] == [{"ports": [{"port": 443}]}]
    database = _one("NetworkPolicy", "uses-database")["spec"]["podSelector"]["matchExpressions"][0]["values"]
    assert set(database) == {"api", "writer", "dlq-admin", "migrate"}


def test_alerts_reach_dlq_admin() -> None:
    """Alertmanager runs beside Prometheus, and may post alerts to dlq_admin."""
    alertmanager = read_yaml.document((FOLDER.parent / "alertmanager/alertmanager.yml").read_text())
    [hook] = [each for receiver in alertmanager["receivers"] for each in receiver.get("webhook_configs", ())]
    port = urlsplit(hook["url"]).port
    monitoring = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}
    to_dlq_admin = [
        rule
        for each in DOCUMENTS
        if each["kind"] == "NetworkPolicy" and "dlq-admin" in str(each["spec"]["podSelector"])
        for rule in each["spec"].get("ingress", ())
    ]
    assert [rule for rule in to_dlq_admin if monitoring in rule["from"] and {"port": port} in rule["ports"]]


def test_the_stores_are_not_among_the_pods_that_nobody_reaches() -> None:
    """The stores that KEDA asks are in another namespace, because no policy of this one lets anybody reach them."""
    own = read_yaml.document((FOLDER / "kustomization.yaml").read_text())["namespace"]
    assert _one("NetworkPolicy", "nobody")["spec"]["podSelector"] == {}
    for document in (_one("ScaledObject", "writer"), *_several_nodes("writer-scale.yaml")):
        [trigger] = document["spec"]["triggers"]
        address = trigger["metadata"].get("address") or trigger["metadata"]["addresses"]
        assert address.split(".")[1] != own


def _several_nodes(name: str) -> list[dict[str, Any]]:
    return read_yaml.documents((FOLDER / "several-nodes" / name).read_text())


def test_every_shared_setting_is_one() -> None:
    """Every shared setting is a setting of at least one service, in the base and in the overlay."""
    known = {
        variable_of(field, info) for settings, _ in SERVICES.values() for field, info in settings.model_fields.items()
    }
    (patch,) = _several_nodes("settings.yaml")
    for names in (_one("ConfigMap", "holdfast")["data"], patch["data"]):
        assert set(names) <= known | {f"{each}_FILE" for each in known}
    assert patch["data"] == {"HOLDFAST_QUEUE_REPLICAS": "1"}


def test_what_is_laid_over_the_base_fits_it() -> None:
    """Each patch of the overlay changes a document of the base, and only the users of the queue may reach the
    Sentinels."""
    (overlay,) = _several_nodes("kustomization.yaml")
    assert overlay["resources"] == ["..", "network-policies.yaml"]
    for name in (patch["path"] for patch in overlay["patches"]):
        for document in _several_nodes(name):
            _one(document["kind"], document["metadata"]["name"])
    (policy,) = _several_nodes("network-policies.yaml")
    assert policy["spec"]["podSelector"] == _one("NetworkPolicy", "uses-redis")["spec"]["podSelector"]
    (scale,) = _several_nodes("writer-scale.yaml")
    (trigger,) = scale["spec"]["triggers"]
    (base,) = _one("ScaledObject", "writer")["spec"]["triggers"]
    assert trigger["metadata"]["stream"] == WRITES
    assert trigger["metadata"]["streamLength"] == base["metadata"]["streamLength"]
