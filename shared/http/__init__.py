"""HTTP: how every service speaks HTTP: one envelope, one edge, one form of health."""
