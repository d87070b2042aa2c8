"""Memory: keep Python's garbage collector away from what lives as long as the process.

A full collection walks every object that importing the libraries made, a few hundred thousand, and stops the event
loop for as long. They are never garbage, so they are taken out of its sight once, after start-up.
"""

import gc

_YOUNG_THRESHOLD = 50_000


def settle() -> None:
    """Call once, when everything is imported and wired."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG_THRESHOLD, 20, 50)
