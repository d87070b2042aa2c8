"""The house rules that a linter cannot see."""
