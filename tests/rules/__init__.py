"""The rules of deploy/rules, as Prometheus evaluates them."""
