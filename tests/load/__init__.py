"""The load generator: its schedule, its verdicts, its reports, and one short run against real services."""
