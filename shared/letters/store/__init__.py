"""Dead letters in the database: the only code with SQL about them."""
