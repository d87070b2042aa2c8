"""The write queue: names, wire format, readers, and the scripts that change the queue atomically."""
