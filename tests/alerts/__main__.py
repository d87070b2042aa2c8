"""`make test-alerts`: outages of this clone's stack (started for the run if it is not running), and the alerts that
they raise.

Fails if an alert that must fire does not, if an alert fires that must not, or if an alert still fires after the outage.
"""

import argparse
import json
import sys
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

from deploy.client.plan import Plan, parse
from deploy.client.session import Background
from deploy.local import commands
from deploy.local import stack as local_stack
from deploy.local.output import echo
from deploy.local.programs import programs
from deploy.local.settings import saved
from deploy.stacks.faults import Program, Stop
from deploy.stacks.running import running
from deploy.stacks.stack import Stack
from tests.alerts.watch import Watch

_PER_S = 20.0
_TARGETS_S = 60.0
_QUIET_S = 180.0
_LASTS_S = 75.0
_RESOLVED_S = 240.0
#: Alerts that must not fire, whatever is down: no promised write is lost, and no writer halts.
_NEVER = {"MessageLoss page", "LedgerImbalance page", "WriterHalted page"}


@dataclass(frozen=True)
class Outage:
    """An outage: the programs that are down, and the alerts that must fire, each with its limit in seconds."""

    name: str
    down: list[Program]
    must: dict[str, float]


OUTAGES = (
    Outage("the database is down", ["database"], {
        "TargetDown warning": 30, "BreakerOpen warning": 60, "PipelineStale page": 75, "HeartbeatStale warning": 60,
        "ProbeStale warning": 60,
    }),
    Outage("both stores are down: a total outage", ["database", "queue"], {"AvailabilityBurnFast page": 30}),
    Outage("the api is gone", ["api"], {"TargetDown page": 30}),
)  # fmt: skip


@dataclass
class Report:
    """What one outage raised. Times are seconds from its begin; `resolved_s` counts from its end."""

    outage: str
    fired_after_s: dict[str, float] = field(default_factory=dict)
    resolved_s: float | None = None
    wrong: list[str] = field(default_factory=list)


def main(arguments: list[str]) -> int:
    """Run all outages. The exit code is 1 if any alert was not as it must be."""
    parser = argparse.ArgumentParser(prog="python -m tests.alerts", description=__doc__)
    parser.add_argument("--json", type=Path, help="write the report there")
    asked = parser.parse_args(arguments)
    ours = local_stack.running() is None
    if ours:
        commands.up()
    try:
        with running("local") as stack:
            reports = _run(stack)
    finally:
        if ours:
            commands.down()
    if asked.json:
        asked.json.write_text(json.dumps([asdict(report) for report in reports], indent=2) + "\n")
    return 1 if any(report.wrong for report in reports) else 0


def _run(stack: Stack) -> list[Report]:
    watch = Watch(stack.address("prometheus"))
    wanted = sum(bool(program.job) for program in programs(saved()))
    took = _targets_up(watch, wanted)
    echo(f"{wanted} targets are up after {took:.0f} s" if took is not None else f"targets: {watch.targets()}")
    reports = [Report("none", wrong=[] if took is not None else ["not every target is up"])]
    plan = Plan(stack.url("api"), _PER_S, mix=parse("reads=1,writes=1"), timeout_s=3, follow_per_s=0, users=20)
    with Background(plan):
        for outage in OUTAGES:
            if watch.until(lambda firing, own=frozenset(outage.must): not firing & own, _QUIET_S) is None:
                reports.append(Report(outage.name, wrong=[f"before it, these fire: {sorted(watch.firing())}"]))
                break
            watch.until(lambda _: False, 25)  # a rate needs some seconds of normal traffic
            reports.append(_one(outage, stack, watch))
            _show(reports[-1])
    return reports


def _targets_up(watch: Watch, wanted: int) -> float | None:
    began = time.monotonic()
    while time.monotonic() - began < _TARGETS_S:
        targets = watch.targets()
        if len(targets) == wanted and all(targets.values()):
            return time.monotonic() - began
        time.sleep(0.5)
    return None


def _one(outage: Outage, stack: Stack, watch: Watch) -> Report:
    report = Report(outage.name)
    before = watch.firing()
    watch.begin()
    for program in outage.down:
        stack.begin(Stop(program))
    watch.until(lambda firing: set(outage.must) <= set(watch.seen) | firing, _LASTS_S)
    watch.until(lambda _: False, 5)
    for program in outage.down:
        stack.end(Stop(program))
    # Tickets look back over hours, and alerts that fired before have other causes.
    report.resolved_s = watch.until(lambda firing: all("ticket" in name for name in firing - before), _RESOLVED_S)
    report.fired_after_s = {name: round(after, 1) for name, after in watch.seen.items() if name not in before}
    for name, within_s in outage.must.items():
        if watch.seen.get(name, within_s + 1) > within_s:
            report.wrong.append(f"{name}: not within {within_s:.0f} s")
    report.wrong += [f"{name} fired" for name in sorted(_NEVER & set(watch.seen))]
    if report.resolved_s is None:
        report.wrong.append(f"still firing {_RESOLVED_S:.0f} s after its end: {sorted(watch.firing() - before)}")
    return report


def _show(report: Report) -> None:
    echo(f"\n{report.outage}")
    for name, after in sorted(report.fired_after_s.items(), key=lambda one: one[1]):
        echo(f"  {after:6.1f} s  {name}")
    echo(f"  all over {report.resolved_s:.0f} s after its end" if report.resolved_s is not None else "  not over")
    for wrong in report.wrong:
        echo(f"  WRONG: {wrong}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
