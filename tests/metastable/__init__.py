"""Metastable failure: a short stall that ends, and an overload by retries that does not, unless they are paid for.

One server that does one thing after another, clients who come whether or not they are answered, and the policies that
decide what they do then. Ours is made of the parts that the services use. In virtual time: five minutes take seconds,
and the same seed gives the same run.
"""
