"""A stand-in for a third party's API, for the local stack and the demo only."""
