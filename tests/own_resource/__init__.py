"""A resource that a user of Holdfast declares, from its declaration to the outage of every store."""
