"""Prometheus and Alertmanager."""

from deploy.failure_modes.cell import Dependency, Effect, Failure, Mode, SameAs
from deploy.failure_modes.references import alert, limit, runbook, setting

_SILENT = (
    f"The Watchdog falls silent. The console shows this after {setting('dlq_alert_silence_s')}, and a receiver outside "
    f"raises the alarm ({runbook('Watchdog')})."
)
_AWAY = "console/test_live.py::test_while_prometheus_is_away"
_WATCHDOG = "console/test_alerts.py::test_silence_ends_an_alert_and_tells_of_the_watchdog"
_NONE = "Nothing: no service depends on it."

DEPENDENCY = Dependency(
    "Prometheus",
    "Prometheus and Alertmanager store and report what services export. While they fail, they page nobody.",
    {
        Mode.GONE: Failure(
            effect=Effect.OPERATORS,
            clients=f"{_NONE} The live view states that it has no numbers.",
            detected=_SILENT,
            heals="Alerts start again with the first evaluation of the rules.",
            person=f"Follow {runbook('Watchdog')}. Until then, use `/health`, `make ledger` and `make circuit-status`.",
            proofs=(_AWAY, _WATCHDOG, "console/test_alerts.py::test_a_silent_watchdog_is_on_the_page"),
        ),
        Mode.HANGING: Failure(
            effect=Effect.OPERATORS,
            clients=f"{_NONE} A page of the live view waits for {setting('dlq_prometheus_timeout_s')}.",
            detected=_SILENT,
            heals="When Prometheus answers again.",
            person=f"Restart it: {runbook('Watchdog')}.",
            proofs=(_AWAY, _WATCHDOG),
        ),
        Mode.SLOW: SameAs(
            "Prometheus", Mode.HANGING, "This holds beyond the live view's timeout. Below it, pages arrive later."
        ),
        Mode.ERRORS: Failure(
            effect=Effect.OPERATORS,
            clients=_NONE,
            detected=_SILENT,
            heals="When Prometheus answers without errors.",
            person="Run `promtool check config` and `amtool check-config`.",
            proofs=(
                "rules/test_configuration.py::test_prometheus_takes_its_configuration",
                "dashboards/test_census.py::test_a_prometheus_that_is_not_there_is_a_problem_and_no_crash",
            ),
        ),
        Mode.WRONG: Failure(
            effect=Effect.OPERATORS,
            clients="Nothing. An alert that makes no sense is not shown. Of two messages about one alert, the newer "
            "counts.",
            detected="By tests: each rule has a case in which it fires and a case in which it nearly fires.",
            heals="An alert that is not repeated ends.",
            person=f"Follow {runbook('Watchdog')}.",
            proofs=(
                "rules/test_alerts.py::test_exactly_these_fire",
                "console/test_alerts.py::test_what_is_no_post_is_refused",
                "console/test_alerts.py::test_of_two_words_the_newer_one_counts",
            ),
        ),
        Mode.FULL: SameAs(
            "Prometheus", Mode.GONE, "With a full disk, Prometheus stops or stores nothing. The console cuts a flood "
                "of alerts: it shows the worst and counts the rest.",
            ("console/test_alerts.py::test_ten_thousand_are_too_many_to_show",),
        ),
        Mode.FORGETTING: Failure(
            effect=Effect.OPERATORS,
            clients="Nothing. Windows of rates and the error budget start anew. Ages and the ledger come from the "
            "stores, so their alerts fire as before.",
            detected="The dashboards have gaps.",
            heals="Counters start at 0, so the first event after the loss counts.",
            person="Nothing.",
            proofs=(
                "observed/test_catalogue.py::test_what_can_be_counted_is_born_at_0",
                "observed/test_auditor.py::test_it_sees_what_is_there",
            ),
        ),
        Mode.READ_ONLY: SameAs(
            "Prometheus", Mode.GONE, "It cannot store samples, so its rules see nothing new."
        ),
        Mode.FLAPPING: Failure(
            effect=Effect.OPERATORS,
            clients="Nothing. Alerts fire, end and fire again.",
            detected=_SILENT,
            heals="An alert is shown until it ends or is not repeated.",
            person=f"Follow {runbook('Watchdog')}.",
            proofs=("console/test_alerts.py::test_it_is_on_every_page_until_it_is_over", _WATCHDOG),
        ),
        Mode.HALF_CUT_OFF: Failure(
            effect=Effect.OPERATORS,
            clients="Nothing. A target that Prometheus does not reach looks down; an alert that it cannot deliver "
            "reaches nobody.",
            detected=f"{alert('TargetDown')}, after a failed scrape (one every {limit('SCRAPE_EVERY_S')}). If alerts "
            "are not delivered, the Watchdog falls silent.",
            heals="When the connection works again.",
            person=f"Check the network between the two: {runbook('TargetDown')}.",
            proofs=("rules/test_alerts.py::test_exactly_these_fire", _WATCHDOG),
        ),
    },
)  # fmt: skip
