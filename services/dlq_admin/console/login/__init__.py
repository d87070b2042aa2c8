"""Login: signed sessions, the list of log-outs, and the guard before every page."""
