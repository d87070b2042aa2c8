"""The write queue: names, connections, wire format, and the scripts that change it atomically."""
