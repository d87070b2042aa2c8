"""The report: one table."""

from tests.crash.drill import Drill


def table(drill: Drill) -> str:
    """What was sent, what was killed, what came of it, and the verdict."""
    clients, verdict, kills = drill.clients, drill.verdict, drill.nemesis.kills
    answers = clients.answers
    refused = sum(count for code, count in answers.items() if code.isupper() and code != "EMAIL_TAKEN")
    rows: list[tuple[str, object]] = [
        ("requests that clients insisted on", len(clients.sent)),
        ("  acknowledged", len(clients.acknowledged)),
        ("    of which while the queue was away", answers["applied directly"]),
        ("  refused: address reserved (409)", answers["EMAIL_TAKEN"]),
        ("  answered after doubt, by the same key", answers["resolved after doubt"]),
        ("  never answered", len(clients.unresolved)),
        ("tries without an answer / refused for now", f"{answers['no answer']} / {refused}"),
        ("kill -9", sum(kills.values())),
        *[(f"  {kind}", count) for kind, count in sorted(kills.items())],
        ("  writer, between commit and acknowledge", len(drill.half_done)),
        ("duplicates absorbed", sum(drill.half_done) + answers["replayed"]),
        ("  committed writes delivered again", sum(drill.half_done)),
        ("  requests sent again", answers["replayed"]),
        ("operations applied", verdict.applied + verdict.superseded),
        ("  of which superseded", verdict.superseded),
        ("operations rejected", verdict.rejected),
        ("operations dead-lettered", verdict.dead),
        ("queued writes overtaken by a direct one", verdict.disputed.pairs),
        ("  users not compared for that", len(verdict.disputed.users)),
        ("LOST", len(verdict.lost)),
        ("APPLIED TWICE", len(verdict.twice)),
        ("UNEXPECTED", len(verdict.unexpected) + len(clients.strange)),
        ("ended otherwise than in order", len(verdict.wrong_ends)),
        ("users otherwise than in order", len(verdict.wrong_users)),
        ("left on the queue", len(verdict.left)),
    ]
    lines = [f"crash drill: {drill.seconds:.0f} s, seed {drill.seed}", ""]
    lines += [f"{name:<44}{value!s:>12}" for name, value in rows]
    lines += [""]
    lines += [*filter(None, [verdict.told(), *clients.strange[:5]])]
    return "\n".join([*lines, _verdict(drill)])


def _verdict(drill: Drill) -> str:
    if not drill.passed:
        return "FAILED"
    return "PASSED" if drill.proved else "PROVED NOTHING: nobody was killed, or not at the moment that matters"
