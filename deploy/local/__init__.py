"""The local stack: real servers and services from Debian packages under a supervisor. It uses the standard library
only, because it runs before the virtual environment exists."""
