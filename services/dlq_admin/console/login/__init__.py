"""Logging in: signed sessions, the log-out list, and the guard before every page."""
