"""The console, requested as a browser requests it."""
