"""The rules of deploy/rules, as Prometheus judges them."""
