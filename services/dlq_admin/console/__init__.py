"""The console: dead letters for people, in a browser. Pages ask the same services that the REST routes ask."""
