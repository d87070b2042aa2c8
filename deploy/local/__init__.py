"""The local stack: real servers and services under a supervisor, from Debian packages. Standard library only, because
this runs before the virtual environment exists."""
