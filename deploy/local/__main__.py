"""`python -m deploy.local COMMAND`: what the Makefile calls."""

import sys

if sys.version_info < (3, 11):  # noqa: UP036 - this is where older ones are refused
    # in syntax that old Pythons understand
    sys.exit("Python 3.11 or newer is needed; where another one is installed: make PYTHON=python3.12 ...")

from deploy.local.commands import main

main(sys.argv[1:])
