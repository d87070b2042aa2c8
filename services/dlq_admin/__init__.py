"""The operator's service: dead letters and the ledger."""
