"""The five-minute tour: the README's commands, run unattended, explained and recorded."""
