"""Mixes: draws what the clients of a run do."""

from random import Random

from tests.simulation.kinds import log_uniform
from tests.simulation.plan import Mix


def draw_mix(chance: Random) -> Mix:
    """Return a mix of all actions, in which each option is off half of the time."""
    actions = ("create", "patch", "put", "delete", "read", "page", "by_email", "operation")
    share = lambda most: round(chance.choice((0.0, chance.random() * most)), 2)  # noqa: E731 - drawn many times below
    return Mix(
        actions={name: round(log_uniform(chance, 0.3, 5), 1) for name in actions},
        keyed=round(chance.choice((0.3, 0.7, 1.0)), 2), conditional=share(0.5), waiting=share(0.6), expiring=share(0.3),
        hasty=share(0.3), fresh=share(0.3), repeating=share(0.4), altered=share(0.5), contended=share(0.6),
        addresses=chance.randint(1, 6), shared=share(1.0),
    )  # fmt: skip
