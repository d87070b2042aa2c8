"""Grafana, as far as we use it: a small server that implements its endpoints over real HTTP, because Grafana cannot be
installed everywhere. `server.py` names the behaviour from Grafana's documentation that each endpoint implements."""
