"""What is stored: how to declare a resource, and the one that is declared."""
