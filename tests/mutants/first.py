"""First: a pytest plugin. Hypothesis reports the first counterexample that it finds, the same one each time.
A small one is of no use here."""

from hypothesis import Phase, settings

from tests.patient import PROFILE

settings.register_profile("first", PROFILE, phases=[Phase.explicit, Phase.generate], derandomize=True)
settings.load_profile("first")
