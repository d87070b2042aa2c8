"""Grafana."""

from deploy.failure_modes.cell import Cell, Dependency, Effect, Failure, Mode
from deploy.failure_modes.references import metric, page, setting
from holdfast.shared.telemetry import metrics

_NONE = "Nothing. The console draws the same dashboards from Prometheus."
_CLIENT = "grafana/test_client.py::test_a_slow_or_absent_grafana_fails_nobody"
_HANGS = "integration/test_override_marks.py::test_a_grafana_that_hangs_delays_nobody"
_GIVEN_UP = "unit/test_annotations.py::test_what_fails_is_tried_again_and_then_left"
_COUNTED = f"{metric(metrics.annotations)} counts annotations by result."


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
    "Grafana shows dashboards, and annotations of what operators did. It is optional.",
    {
        Mode.GONE: _missed(
            _NONE, "An annotation that failed a few times is dropped; later annotations are made.", _CLIENT, _GIVEN_UP,
        ),
        Mode.HANGING: _missed(
            f"{_NONE} No request waits for Grafana: annotations are made in the background, and dropped after "
            f"{setting('grafana_timeout_s')}.", "When Grafana answers again.", _CLIENT,
        ),
        Mode.SLOW: _missed(f"{_NONE} Beyond its timeout, same as *hanging*.", "When Grafana is fast again.", _CLIENT),
        Mode.ERRORS: _missed(_NONE, "An annotation is retried a few times.", _GIVEN_UP),
        Mode.WRONG: _missed(
            "Nothing. The id of an annotation is the only part of Grafana's answers that is used.",
            "The next annotation is made anew.",
            "grafana/test_client.py::test_the_check_says_what_is_there_and_what_is_not",
        ),
        Mode.FULL: _missed(_NONE, "An annotation that Grafana refuses is dropped after a few attempts.", _GIVEN_UP),
        Mode.FORGETTING: _missed(
            "Nothing. Dashboards are files and are provisioned again. Annotations are gone; the audit is not.",
            "Grafana provisions the dashboards when it starts.",
            "dashboards/test_lint.py::test_a_file_is_as_its_code",
        ),
        Mode.READ_ONLY: _missed("Nothing. Dashboards can be read; annotations are missing.", "When Grafana takes "
            "writes again.", _GIVEN_UP),
        Mode.FLAPPING: _missed(_NONE, "Annotations that could not be sent stay missing.", _GIVEN_UP,
                               "make test-grafana"),
        Mode.HALF_CUT_OFF: _missed(
            "Nothing. If the end of a region was not sent, the replica that learns of the end sends it.", "When the "
                "connection works again.",
            "integration/test_override_marks.py::"
                "test_an_override_is_a_region_until_it_runs_out_or_another_replica_ends_it",
        ),
    },
)  # fmt: skip
