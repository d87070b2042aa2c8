"""Poison: writes that cannot work, as real mishaps make them, for whoever wants to rescue some."""
