"""The promises of docs/promises.md as code: a history of what clients, operators and faults did, what the stores hold
at rest, and one pure check for each promise. Nothing here imports the code under test. Start with `verdict.py`."""
