"""The running system behind one interface, as processes or in containers: where its programs are, and how to break and
mend them. Start with `stack.py`, `faults.py` and `journal.py`."""
