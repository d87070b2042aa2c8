"""Faults that were announced, and recoveries that were measured: so that dashboards tell them from real faults.
The door is `board.FaultBoard`."""
