"""The running system: it recovers from every fault, in processes and in containers."""
