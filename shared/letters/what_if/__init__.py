"""What-if: predicts what would happen to a dead letter if it were replayed now."""
