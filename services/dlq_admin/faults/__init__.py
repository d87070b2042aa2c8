"""Faults that somebody has announced, and the recoveries that somebody has measured: so that what is seen on a
dashboard can be told from what was done on purpose."""
