"""Metastable failure: after a short stall has ended, the overload that retries cause continues, unless a budget limits
the retries.

One server that handles one request after another, clients that arrive whether or not earlier ones are answered, and the
policies that decide what an unanswered client does. Our policy consists of the parts that the services use. The
simulation runs in virtual time: five minutes take seconds, and the same seed gives the same run.
"""
