"""The running system behind one interface, whether it runs as processes or in containers: where its programs are, and
how to break and mend them. To learn how, read `stack.py`, `faults.py`, `journal.py`."""
