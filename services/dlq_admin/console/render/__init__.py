"""From answers to HTML: templates, labels, charts, and text that others wrote made harmless."""
