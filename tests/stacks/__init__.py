"""The running system: what breaks it is mended, in processes and in containers."""
