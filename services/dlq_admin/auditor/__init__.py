"""The auditor looks at the stores every few seconds and tells what it sees in metrics: the streams, the dead letters,
and the ledger (promise 6)."""
