"""Grafana: what operators did, marked on the dashboards; and whether those are there. Nothing here is ever needed."""
