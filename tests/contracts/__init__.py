"""Contracts: one suite that the models and the real servers pass. A difference found elsewhere becomes a case of the
suite.

CONTRACT_REDIS (host:port) and CONTRACT_DATABASE (a DSN) name further real servers, for example of other versions. They
have to be empty, and the tests empty them. The DSN's user needs the right to create triggers.
"""
