"""The command line: a client of REST under `/dlq`, for terminals and scripts. It imports no third-party package, so
that it starts at once and runs where the service's dependencies are not installed."""
