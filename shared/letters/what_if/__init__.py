"""What-if: what would become of a dead letter if it were sent again now."""
