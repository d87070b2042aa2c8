"""Backup and restore of the local stack's stores, and a drill: back up under load, destroy, restore, count what is
missing. Production does the same with its own tools: docs/operations/production.md."""
