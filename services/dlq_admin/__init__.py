"""The operator's service: the ledger now, dead letters and replay next."""
