"""Grafana."""

from deploy.failure_modes.cell import Cell, Dependency, Effect, Failure, Mode
from deploy.failure_modes.references import metric, page, setting
from holdfast.shared.telemetry import metrics

_NONE = "Nothing. The console draws the same dashboards from Prometheus."
_CLIENT = "grafana/test_client.py::test_a_slow_or_absent_grafana_fails_nobody"
_HANGS = "integration/test_override_marks.py::test_a_grafana_that_hangs_delays_nobody"
_GIVEN_UP = "unit/test_annotations.py::test_what_fails_is_tried_again_and_then_left"
_COUNTED = f"{metric(metrics.annotations)} by result."


def _missed(clients: str, heals: str, *proofs: str) -> Cell:
    return Failure(
        effect=Effect.OPERATORS,
        clients=clients,
        detected=_COUNTED,
        heals=heals,
        person=f"{page('operations/grafana.md', 'Grafana')}: `make grafana-check` says what is missing.",
        proofs=(_HANGS, *proofs),
    )


DEPENDENCY = Dependency(
    "Grafana",
    "Dashboards for people, and annotations of what operators did. Optional.",
    {
        Mode.GONE: _missed(_NONE, "Annotations that failed a few times are left out; the next ones are made.", _CLIENT,
                           _GIVEN_UP),
        Mode.HANGING: _missed(
            f"{_NONE} Nobody waits for it: an annotation is given up after {setting('grafana_timeout_s')}, in the "
            "background.", "By itself.", _CLIENT,
        ),
        Mode.SLOW: _missed(f"{_NONE} As hanging, beyond its time limit.", "By itself.", _CLIENT),
        Mode.ERRORS: _missed(_NONE, "Tried a few times.", _GIVEN_UP),
        Mode.WRONG: _missed(
            "Nothing. Nothing that Grafana answers is used but the id of an annotation.", "The next one is made anew.",
            "grafana/test_client.py::test_the_check_says_what_is_there_and_what_is_not",
        ),
        Mode.FULL: _missed(_NONE, "What it refuses is left out after a few tries.", _GIVEN_UP),
        Mode.FORGETTING: _missed(
            "Nothing. Dashboards are files and are provisioned again; annotations are gone, the audit is not.",
            "Provisioning at its start.",
            "dashboards/test_lint.py::test_a_file_is_as_its_code",
        ),
        Mode.READ_ONLY: _missed("Nothing. Dashboards are read; annotations are missing.", "By itself.", _GIVEN_UP),
        Mode.FLAPPING: _missed(_NONE, "What it was not sent is missing.", _GIVEN_UP,
                               "make test-grafana"),
        Mode.HALF_CUT_OFF: _missed(
            "Nothing. A region whose end was not sent is ended by the replica that hears of the end.", "By itself.",
            "integration/test_override_marks.py::"
                "test_an_override_is_a_region_until_it_runs_out_or_another_replica_ends_it",
        ),
    },
)  # fmt: skip
