"""A release from one command: checks, version, changelog, wheel and sdist, a trial run, commit and tag."""
