"""Failure modes: what happens when a part that Holdfast depends on fails, in every way a part can fail, and the proof.

`docs/failure-modes.md` is generated from here by `make docs`; tests/architecture/test_failure_modes.py holds the table
to what exists.
"""
