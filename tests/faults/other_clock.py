"""The service SERVICE with a wall clock that is CLOCK_AHEAD_S seconds ahead. Monotonic clocks are unchanged."""

import os
import runpy
import time

if __name__ == "__main__":
    _ahead_s = float(os.environ["CLOCK_AHEAD_S"])
    _time, _time_ns = time.time, time.time_ns
    time.time = lambda: _time() + _ahead_s
    time.time_ns = lambda: _time_ns() + int(_ahead_s * 1e9)
    runpy.run_module(os.environ["SERVICE"], run_name="__main__", alter_sys=True)
