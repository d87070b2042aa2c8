"""First: a pytest plugin. Hypothesis reports the first counterexample that it finds, the same one each time, without
shrinking it."""

from hypothesis import Phase, settings

from tests.patient import PROFILE

settings.register_profile("first", PROFILE, phases=[Phase.explicit, Phase.generate], derandomize=True)
settings.load_profile("first")
