"""Memory: excludes objects that live as long as the process from garbage collection.

Importing the libraries creates a few hundred thousand objects that are never garbage. A full collection would walk all
of them, and block the event loop meanwhile, so they are frozen once, after start-up.
"""

import gc

_YOUNG_THRESHOLD = 50_000


def settle() -> None:
    """Freeze all current objects. Call once, when everything is imported and wired."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG_THRESHOLD, 20, 50)
