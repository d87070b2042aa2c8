"""A bill of materials for each image: which packages, which versions, which files of them pip takes."""
