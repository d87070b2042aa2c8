"""From answers to HTML: templates, labels, charts, and untrusted text made harmless."""
