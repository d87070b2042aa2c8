"""The command line: REST under `/dlq`, for a person's terminal and for scripts. The standard library alone: it starts
at once, and runs where the rest is not installed."""
