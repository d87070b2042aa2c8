"""Render: turns answers into HTML with templates, labels and charts, and makes untrusted text harmless."""
