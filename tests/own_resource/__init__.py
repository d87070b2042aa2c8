"""A resource of somebody's own, from its declaration to every store's outage."""
