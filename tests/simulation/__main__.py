"""`python -m tests.simulation [--seeds 200] [--first 0] [--within 60] [--jobs 2] | --seed N [--cut "..."] [--shrink] |
--kept [--within 60]`. Exit code 0: every promise held; 1: one was broken; 2: held, but something that should happen
sometimes never did in all the runs."""

import argparse
import gc
import resource
import sys
import time
from collections.abc import Iterable, Iterator

from tests import command
from tests.simulation import kept, warm
from tests.simulation.draw import draw
from tests.simulation.forked import each
from tests.simulation.kept import Kept
from tests.simulation.plan import Cut
from tests.simulation.result import Result
from tests.simulation.run import run
from tests.simulation.shrink import shrink
from tests.simulation.sometimes import Census

_LIMIT_S = 120.0
_NO_END = f"ends: the run did not end within {_LIMIT_S:g} s of the processor, or its process died"
_SHOWN = 6
_PROGRESS_EVERY = 20


def main() -> int:
    """Run what the arguments ask for, and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seeds", type=int, default=200, help="so many, from --first on")
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=1, help="processes at once")
    parser.add_argument("--within", type=float, help="begin no run after so many seconds of the processor")
    parser.add_argument("--seed", type=int, help="only this one, with its timeline")
    parser.add_argument("--cut", type=Cut.parse, default=Cut(), help="what of it is kept: `seconds=9 faults=1,4`")
    parser.add_argument("--shrink", action="store_true", help="find the smallest cut that still fails")
    parser.add_argument("--kept", action="store_true", help="what once found something; others too with --within")
    parser.add_argument("--quiet", action="store_true", help="no timeline")
    options = parser.parse_args()
    if options.seed is not None:
        return _one(Kept(options.seed, options.cut), shrinking=options.shrink, quiet=options.quiet)
    _prepare()
    before = _many(kept.kept(), options.jobs) if options.kept else 0
    if options.kept and options.within is None:
        return before
    seeds = range(options.first, options.first + options.seeds)
    runs = _within((Kept(seed, options.cut) for seed in seeds), options.within)
    return _many(runs, options.jobs, census_after=options.seeds) or before


def _within(runs: Iterable[Kept], seconds: float | None) -> Iterator[Kept]:
    before_s = _used_s()
    for one in runs:
        if seconds is not None and _used_s() - before_s >= seconds:
            return
        yield one


def _used_s() -> float:
    """Return the processor seconds that finished runs have used."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _run(one: Kept, *, timeline: bool = False) -> Result:
    return run(one.plan, one.cut, timeline=timeline)


def _in_its_own_process(runs: Iterable[Kept], jobs: int, *, timeline: bool = False) -> Iterable[Result]:
    for one, result in each(runs, lambda one: _run(one, timeline=timeline), jobs=jobs, limit_s=_LIMIT_S):
        yield result or Result(one.seed, one.cut, [_NO_END])


def _one(one: Kept, *, shrinking: bool, quiet: bool) -> int:
    [result] = _in_its_own_process([one], 1, timeline=True)
    if shrinking and result.violations:
        result = _shrunk(result)
    sys.stdout.write("\n".join(Kept(one.seed, result.cut).plan.lines()) + "\n")
    if not quiet:
        sys.stdout.write(f"\n{result.timeline}\n")
    sys.stdout.write(_verdict(result))
    return 1 if result.violations else 0


def _shrunk(first: Result) -> Result:
    """Return the last failing run on the way to the smallest cut."""
    smallest = first

    def fails(cut: Cut) -> bool:
        nonlocal smallest
        [result] = _in_its_own_process([Kept(first.seed, cut)], 1, timeline=True)
        if found := bool(result.broken & first.broken):
            smallest = result
            sys.stderr.write(f"still fails: {cut}\n")
        return found

    shrink(draw(first.seed, first.cut.world), fails, first.cut)
    return smallest


def _prepare() -> None:
    gc.disable()  # a collection would visit everything that the warm-up left; a run's memory ends with its process
    warm.up()


def _many(runs: Iterable[Kept], jobs: int, *, census_after: int | None = None) -> int:
    """Return the exit code. What never happened is judged after so many runs: in fewer it may well be missing."""
    census, failed, began, virtual_s, count = Census(), 0, time.monotonic(), 0.0, 0
    before_s = _used_s()
    for result in _in_its_own_process(runs, jobs):
        census.add(result.seen)
        warm.learn(result.texts)
        virtual_s, count = virtual_s + result.virtual_s, count + 1
        if result.violations:
            failed += 1
            sys.stdout.write(_verdict(result))
            sys.stdout.flush()
        if count % _PROGRESS_EVERY == 0:
            sys.stderr.write(f"{count} runs, {failed} failed\n")
    real_s = time.monotonic() - began
    speed = f"{virtual_s:,.0f} virtual seconds in {real_s:,.0f} real ones ({virtual_s / max(real_s, 1e-9):,.0f} times)"
    each_s = (_used_s() - before_s) / max(count, 1)
    sys.stdout.write(f"{count} runs, {failed} failed; {speed}; {each_s:.2f} s of the processor each\n")
    if census_after is not None:
        sys.stdout.write("\n".join(["", *census.lines(), ""]))
    if failed:
        return 1
    if census_after is not None and count >= census_after and census.never:
        sys.stdout.write(f"UNKNOWN: never happened: {'; '.join(census.never)}\n")
        return 2
    return 0


def _verdict(result: Result) -> str:
    repeat = f"make simulate SEED={result.seed}" + (f' CUT="{result.cut}"' if str(result.cut) else "")
    size = (
        f"{result.requests} requests, {result.virtual_s:.1f} virtual s in {result.real_s:.1f} s, {result.digest[:12]}"
    )
    lines = [f"{'FAILED' if result.violations else 'held'}  {repeat}  ({size})"]
    lines += [f"    {each[:400]}" for each in result.violations[:_SHOWN]]
    if more := len(result.violations) - _SHOWN:
        lines += [f"    and {more} more"] if more > 0 else []
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    command.run(main)
