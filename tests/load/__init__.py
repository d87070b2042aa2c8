"""The load generator: its schedule, its word, its reports, and one short run against the real thing."""
