"""Prometheus and Alertmanager."""

from deploy.failure_modes.cell import Dependency, Effect, Failure, Mode, SameAs
from deploy.failure_modes.references import alert, limit, runbook, setting

_SILENT = (
    f"The Watchdog falls silent: the console says so after {setting('dlq_alert_silence_s')}, and a receiver outside "
    f"raises the alarm ({runbook('Watchdog')})."
)
_AWAY = "console/test_live.py::test_while_prometheus_is_away"
_WATCHDOG = "console/test_alerts.py::test_silence_ends_an_alert_and_tells_of_the_watchdog"
_NONE = "Nothing: no service depends on it."

DEPENDENCY = Dependency(
    "Prometheus",
    "Prometheus and Alertmanager: they keep and report what services export. While they fail, nobody is paged by them.",
    {
        Mode.GONE: Failure(
            effect=Effect.OPERATORS,
            clients=f"{_NONE} The live view says that it has no numbers.",
            detected=_SILENT,
            heals="Alerts begin again with the first rules evaluated.",
            person=f"{runbook('Watchdog')}. Until then look at `/health`, `make ledger`, `make circuit-status`.",
            proofs=(_AWAY, _WATCHDOG, "console/test_alerts.py::test_a_silent_watchdog_is_on_the_page"),
        ),
        Mode.HANGING: Failure(
            effect=Effect.OPERATORS,
            clients=f"{_NONE} A page of the live view waits for {setting('dlq_prometheus_timeout_s')}.",
            detected=_SILENT,
            heals="By itself.",
            person=f"Restart it: {runbook('Watchdog')}.",
            proofs=(_AWAY, _WATCHDOG),
        ),
        Mode.SLOW: SameAs(
            "Prometheus", Mode.HANGING, "Beyond the live view's limit; below it pages are later."
        ),
        Mode.ERRORS: Failure(
            effect=Effect.OPERATORS,
            clients=_NONE,
            detected=_SILENT,
            heals="By itself.",
            person="`promtool check config`, `amtool check-config`.",
            proofs=(
                "rules/test_configuration.py::test_prometheus_takes_its_configuration",
                "dashboards/test_census.py::test_a_prometheus_that_is_not_there_is_a_problem_and_no_crash",
            ),
        ),
        Mode.WRONG: Failure(
            effect=Effect.OPERATORS,
            clients="Nothing. An alert that makes no sense is not shown; of two about one thing the newer counts.",
            detected="Each rule has a case in which it fires and one in which it nearly does.",
            heals="An alert that is not repeated is over.",
            person=f"{runbook('Watchdog')}.",
            proofs=(
                "rules/test_alerts.py::test_exactly_these_fire",
                "console/test_alerts.py::test_what_is_no_post_is_refused",
                "console/test_alerts.py::test_of_two_words_the_newer_one_counts",
            ),
        ),
        Mode.FULL: SameAs(
            "Prometheus", Mode.GONE, "With a full disk it stops or keeps nothing. A flood of alerts "
            "is cut by the console: the worst are shown, the rest is counted.",
            ("console/test_alerts.py::test_ten_thousand_are_too_many_to_show",),
        ),
        Mode.FORGETTING: Failure(
            effect=Effect.OPERATORS,
            clients="Nothing. Windows of rates and the error budget begin anew; ages and the ledger come from the "
            "stores, so that their alerts fire as before.",
            detected="Gaps on the dashboards.",
            heals="Counters are born at 0, so that the first event after it counts.",
            person="Nothing.",
            proofs=(
                "observed/test_catalogue.py::test_what_can_be_counted_is_born_at_0",
                "observed/test_auditor.py::test_it_sees_what_is_there",
            ),
        ),
        Mode.READ_ONLY: SameAs(
            "Prometheus", Mode.GONE, "It cannot keep samples, so that its rules see nothing new."
        ),
        Mode.FLAPPING: Failure(
            effect=Effect.OPERATORS,
            clients="Nothing. Alerts come, end and come again.",
            detected=f"{_SILENT}",
            heals="An alert is shown until it is over, or is not repeated.",
            person=f"{runbook('Watchdog')}.",
            proofs=("console/test_alerts.py::test_it_is_on_every_page_until_it_is_over", _WATCHDOG),
        ),
        Mode.HALF_CUT_OFF: Failure(
            effect=Effect.OPERATORS,
            clients="Nothing. What it does not reach looks down; what it cannot deliver nobody hears of.",
            detected=f"{alert('TargetDown')}, missed after a scrape of {limit('SCRAPE_EVERY_S')}; undelivered alerts: "
            "the Watchdog falls silent.",
            heals="By itself.",
            person=f"The network between: {runbook('TargetDown')}.",
            proofs=("rules/test_alerts.py::test_exactly_these_fire", _WATCHDOG),
        ),
    },
)  # fmt: skip
