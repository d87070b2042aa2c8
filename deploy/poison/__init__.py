"""Poison: writes that cannot be applied, of realistic kinds, to try repairs and replays on."""
