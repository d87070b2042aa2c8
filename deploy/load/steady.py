"""`make load-test`: steady traffic, as from many clients, and what they felt."""

from collections.abc import Sequence

import uvloop

from deploy.client.generator import Run
from deploy.client.plan import Plan
from deploy.client.session import session
from deploy.load import report
from deploy.load.options import parser, plan_of, run_options
from deploy.load.progress import Progress, log
from deploy.load.run_charts import charts_of
from deploy.load.summary import summarize
from deploy.load.verdict import Target, judge

TARGETS = "answered>=99.5,failed<=0.1,unanswered<=0.1,p99<=250,not_over<=0"


def main(arguments: Sequence[str]) -> int:
    """Exit code 0: passed, 1: failed, 2: unknown."""
    made = parser("steady", __doc__)
    run_options(made, Plan(""), TARGETS)
    plan, targets = plan_of(made.parse_args(arguments))
    log(f"{plan.per_s:g} requests/s to {plan.api} for {plan.duration_s:g} s")
    return conclude(uvloop.run(_run(plan)), targets, "Load test")


def conclude(run: Run, targets: Sequence[Target], title: str) -> int:
    """Report it; the exit code."""
    summary = summarize(run)
    verdict = judge(summary, targets)
    files = report.write(report.folder(), title, summary, verdict, charts_of(run))
    report.show(report.terminal(summary, verdict), files)
    return verdict.word


async def _run(plan: Plan) -> Run:
    async with session(plan) as generator:
        return await generator.go(Progress())
