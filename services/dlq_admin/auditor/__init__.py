"""The auditor looks at the stores every few seconds and exports what it sees as metrics: the streams, the dead letters,
and the ledger (promise 6)."""
