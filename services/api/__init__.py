"""The api: turns HTTP requests into validated commands and accepted writes, and answers reads."""
