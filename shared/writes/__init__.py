"""The life of a write, pure: command, version, merge, decide, outcome, ledger."""
