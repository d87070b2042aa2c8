"""A bill of materials for each image: its packages, their versions, and the files of each that pip may take."""
