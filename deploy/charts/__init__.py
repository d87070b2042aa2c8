"""Charts as SVG, and tables for a terminal, a Markdown page and HTML."""
