"""The pace of the auditor: its share of the time is bounded, and one slow reading delays nothing later."""

import random

from holdfast.services.dlq_admin.auditor.probe import Probe, pause_s
from holdfast.shared.connections.replicas import TooFewReplicas

_EVERY_S, _SHARE = 2.0, 0.1


def test_one_slow_look_does_not_hold_up_the_next() -> None:
    """The pause after a look that an outage made slow, among any quick looks, is the pause after a quick look."""
    chance = random.Random(3)
    for _ in range(200):
        quick_s, slow_s = chance.uniform(0.001, 0.2), chance.uniform(1, 60)
        assert pause_s(slow_s, quick_s, _EVERY_S, _SHARE) == _EVERY_S
        assert pause_s(quick_s, slow_s, _EVERY_S, _SHARE) == _EVERY_S


def test_looks_that_take_long_take_no_more_than_their_share() -> None:
    """Over a run of slow looks, the looks take no more than their share of the time, within 30 %."""
    chance = random.Random(4)
    for _ in range(200):
        usual_s = chance.uniform(0.5, 60)
        looks_s = [usual_s * chance.uniform(0.8, 1.25) for _ in range(50)]
        pauses_s = [
            pause_s(took_s, before_s, _EVERY_S, _SHARE)
            for before_s, took_s in zip(looks_s[:1] + looks_s, looks_s, strict=False)
        ]
        assert sum(looks_s) / (sum(looks_s) + sum(pauses_s)) < _SHARE * 1.3


async def test_why_a_look_failed_is_known_until_one_works() -> None:
    """The error of a failed look is kept, in the words of the component that refused it, until a look succeeds, so that
    an operator who finds no reading finds the reason."""
    ends: list[Exception | None] = [TooFewReplicas("it may be an old primary", None), None]

    async def look() -> None:
        if error := ends.pop(0):
            raise error

    probe = Probe("some", look, every_s=1)
    assert probe.failing == ""
    assert not await probe.once()
    assert probe.failing == "TooFewReplicas: it may be an old primary"
    assert await probe.once()
    assert probe.failing == ""
