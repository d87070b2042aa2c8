"""`python -m deploy.reference`: write every page. With `--check`: only list those that are out of date."""

import sys

from deploy.generated import keep
from deploy.reference.pages import FOLDER, pages

if __name__ == "__main__":
    sys.exit(keep(FOLDER, pages(), "make docs", sys.argv[1:]))
