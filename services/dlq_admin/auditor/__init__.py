"""Auditor: looks at the stores every few seconds and exports what it finds as metrics: the streams, the dead letters,
and the ledger (promise 6)."""
