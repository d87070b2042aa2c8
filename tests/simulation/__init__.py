"""Simulation: the real services on one event loop in virtual time, over a virtual network, all drawn from one seed."""
