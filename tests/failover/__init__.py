"""The stores survive a node: real groups of processes, a fault, and what became of every acknowledged write."""
