"""Determines what the limit was, from the processor time that each process used. Pure."""

from collections.abc import Mapping, Sequence

from deploy.charts.chart import Chart, Series

#: Share of a core, or of the machine, above which it counts as full.
_FULL = 0.9
_NAMED = 3
#: Cores that other work may use: interrupts, the supervisor, a terminal.
_OTHERS_MAX = 0.3
_ALWAYS_SEEN = {"machine", "this generator", "writers"}


def bottleneck(cores: Mapping[str, float], of: int) -> str:
    """Return the limit. `cores`: used by each process, and by the whole `machine`; `of`: the number of cores."""
    if not cores.keys() - _ALWAYS_SEEN:
        return "the processes cannot be seen from here, so the limit is not known"
    used = sorted(((share, name) for name, share in cores.items() if name != "machine"), reverse=True)
    most = ", ".join(f"{name} {share:.2f}" for share, name in used[:_NAMED])
    others = max(0.0, cores["machine"] - sum(share for share, _ in used))
    shown = f"{most}, everything else {others:.2f}"
    if others > _OTHERS_MAX:
        return f"UNKNOWN: something else on this machine used {others:.2f} cores meanwhile ({shown})"
    if cores["machine"] >= _FULL * of:
        return f"the processors were the limit: {cores['machine']:.2f} of {of} cores used ({shown})"
    full = [name for share, name in used if share >= _FULL and name != "writers"]
    if full:
        return f"{full[0]} was the limit: its core was full ({shown})"
    return f"no processor was the limit, so it was waiting: for commits on disk, or for another process ({shown})"


def chart(points: Sequence[tuple[float, float]]) -> Chart:
    """Return a chart of points (writers, writes per second)."""
    series = Series("writes/s", "#2a78b5", points)
    return Chart("Writes worked off", "a second", [series], x="writers", x_max=max(at for at, _ in points))
