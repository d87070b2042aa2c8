"""Contracts: one suite that the models and the real servers pass. A difference found in the wild becomes a case of it.

CONTRACT_REDIS (host:port) and CONTRACT_DATABASE (a DSN) name further real servers: of other versions, empty,
and to be emptied by the tests. The DSN's user may make triggers.
"""
