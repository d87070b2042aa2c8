"""The stores survive the loss of a node: real groups of processes, a fault, and what became of every acknowledged
write."""
