"""Grafana, as far as we use it: a small server that speaks its endpoints over real HTTP, since it cannot be installed
everywhere. `server.py` says which behaviour of Grafana's own documentation each endpoint stands for."""
