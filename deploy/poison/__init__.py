"""Poison: realistic writes that cannot be applied, on which to try repairs and replays."""
