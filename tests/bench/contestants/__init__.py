"""The peers, each as its own documentation shows it, with the same model, server settings, stores and rows."""
