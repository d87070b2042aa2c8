"""`python -m deploy.rules`: write every file. With `--check`: only list those that are out of date."""

import sys

from deploy.generated import keep
from deploy.rules.files import FOLDER, files

if __name__ == "__main__":
    sys.exit(keep(FOLDER, files(), "make rules", sys.argv[1:]))
