"""The table of failure modes has a cell for every combination, and names nothing that does not exist."""

import ast
import re
from collections.abc import Iterable
from pathlib import Path

import pytest
from prometheus_client.metrics import MetricWrapperBase

from deploy import read_yaml
from deploy.failure_modes import dependencies
from deploy.failure_modes.cell import Cell, Failure, Impossible, Mode, SameAs, proof_name
from deploy.failure_modes.dependencies.network import PAIRS
from deploy.failure_modes.page import cells, failure_modes
from deploy.failure_modes.references import alert, limit, measured, page, setting
from deploy.failure_modes.simulated import SIMULATED
from deploy.failure_modes.table import TABLE
from holdfast.shared.telemetry import metrics
from tests.conftest import ROOT
from tests.readme.documents import is_test
from tests.simulation.kinds import KINDS

#: Dependencies of Holdfast that issues, runbooks and the architecture name.
_NEEDED = {
    "database", "queue", "cache", "third party", "api", "writer", "external_proxy", "dlq_admin",
    "Prometheus", "Grafana", "disk", "memory", "CPU", "clock", "DNS", "network", "another build",
    "operator",
}  # fmt: skip
_TARGETS = set(re.findall(r"^([a-z][a-z0-9-]*):", (ROOT / "Makefile").read_text(), re.MULTILINE))
_DURATION = re.compile(
    r"\d ?(?:ms|s|min|h|d)\b|\ban? (?:second|minute|hour|day)\b|\b(?:seconds|minutes|hours|days)\b", re.IGNORECASE
)
#: Ports of the network policies -> the dependencies that listen on them.
_LISTENS = {
    3306: {"database"}, 6379: {"queue", "cache"}, 8080: {"api"}, 8081: {"external_proxy"}, 8082: {"dlq_admin"},
    443: {"third party"}, 53: {"DNS"},
}  # fmt: skip
_SERVICES = {"api", "writer", "external_proxy", "dlq_admin"}


def exists(proof: str) -> bool:
    """Return whether the test with these parameters, or the make target, exists."""
    return proof.removeprefix("make ") in _TARGETS if proof.startswith("make ") else is_test(proof_name(proof))


def missing(proofs: Iterable[str]) -> list[str]:
    """Return the proofs that do not exist."""
    return [proof_name(proof) for proof in proofs if not exists(proof)]


def test_there_is_a_cell_for_every_combination() -> None:
    """The table has a cell for each dependency and each mode, in the page's order."""
    assert set(TABLE) >= _NEEDED
    assert {name: list(each.cells) for name, each in TABLE.items()} == {name: list(Mode) for name in TABLE}


def wrong_with(cell: Cell) -> list[str]:
    """Return what is missing in a cell."""
    found = missing(cell.proofs)
    match cell:
        case Failure():
            parts = (cell.clients, cell.detected, cell.heals, cell.person, cell.proofs)
            return found + ["an empty part"] * (not all(parts))
        case SameAs():
            target = TABLE[cell.dependency].cells[cell.mode]
            return found + ["leads to a cell that leads on"] * (not isinstance(target, Failure))
        case Impossible():
            return found + ["no reason"] * (not cell.because)


def test_a_cell_is_filled_and_its_proof_exists() -> None:
    """A failure that can happen has all its parts and a proof; a cell that refers to another one refers to such a
    failure; an impossible failure has a reason."""
    assert {anchor: wrong for anchor, cell in cells().items() if (wrong := wrong_with(cell))} == {}


def test_every_simulated_fault_is_one_of_the_simulation() -> None:
    """Every simulated fault in the table is a fault of the simulation, and belongs to a failure that can happen."""
    for name, modes in SIMULATED.items():
        assert not [mode for mode in modes if isinstance(TABLE[name].cells[mode], Impossible)], name
        assert {fault for faults in modes.values() for fault in faults} <= set(KINDS), name


def test_every_connection_that_is_allowed_is_one_that_may_be_cut() -> None:
    """The network's table has a pair for each connection that the network policies allow, except DNS for migrate, and
    the proofs of all pairs exist."""
    allowed = set()
    for policy in read_yaml.documents((ROOT / "deploy/kubernetes/network-policies.yaml").read_text()):
        ports = {port["port"] for rule in policy["spec"].get("egress") or () for port in rule.get("ports") or ()}
        selector = policy["spec"]["podSelector"]
        names = [each for match in selector.get("matchExpressions", ()) for each in match["values"]]
        names += selector.get("matchLabels", {}).values()
        ones = {name.replace("-", "_") for name in names} or ({"services"} if ports else set())
        allowed |= {(one, other) for one in ones for port in ports for other in _LISTENS[port]}
    assert allowed
    assert allowed - {(pair.one, pair.other) for pair in PAIRS} == {("migrate", "DNS")} & allowed
    assert not missing(proof for pair in PAIRS for proof in pair.proofs)


def test_what_does_not_exist_is_found() -> None:
    """The checks find proofs that do not exist, and a wrong reference is an error where it is made."""
    wrong = [
        "faults/test_database.py::test_nothing", "faults/test_nothing.py::test_killed",
        "faults/test_queue.py::test_writes_go_to_the_database[explode]", "make chaos-nothing",
    ]  # fmt: skip
    assert missing(wrong) == [proof_name(proof) for proof in wrong]
    with pytest.raises(ValueError, match="no alert"):
        alert("Nothing")
    with pytest.raises(ValueError, match="no service"):
        setting("nothing_s")
    with pytest.raises(ValueError, match="does not exist"):
        page("operations/nothing.md", "nothing")
    with pytest.raises(AttributeError):
        limit("NOTHING_S")
    with pytest.raises(KeyError):
        measured("database-killed", "nothing")


@pytest.mark.parametrize("module", sorted(Path(dependencies.__path__[0]).glob("*.py")), ids=lambda module: module.stem)
def test_no_time_is_written_by_hand(module: Path) -> None:
    """No duration is written by hand in the table: each comes from a setting, a limit, an alert or a measurement."""
    written = [
        node.value
        for node in ast.walk(ast.parse(module.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and _DURATION.search(node.value)
    ]
    assert written == []


def test_every_metric_is_exported() -> None:
    """Every metric that the page names is exported, including those that are named by hand."""
    declared = [each for each in vars(metrics).values() if isinstance(each, MetricWrapperBase)]
    names = {family.name for metric in declared for family in metric.describe()}
    assert {name.removesuffix("_total") for name in re.findall(r"`(holdfast_\w+)", failure_modes())} <= names


def test_every_link_within_the_page_has_its_place() -> None:
    """Every link within the page, from the overview and from an alert's cell, has its target."""
    text = failure_modes()
    headings = {re.sub(r"[^a-z0-9_]+", "-", title.lower()) for title in re.findall(r"^## (.+)$", text, re.MULTILINE)}
    places = headings | set(re.findall(r'<a id="([^"]+)">', text))
    assert set(re.findall(r"\]\(#([^)]+)\)", text)) <= places
