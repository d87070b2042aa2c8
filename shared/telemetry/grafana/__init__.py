"""Grafana: annotations for what operators did, and a check of what is provisioned. All of it is optional."""
