"""Makes a release with one command: checks, version, changelog, wheel and sdist, a trial run, commit and tag."""
