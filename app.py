"""`python app.py …` in a clone is `novelgen app …` where the package is installed."""

import sys

from novelgen.__main__ import command

if __name__ == "__main__":
    command(["app", *sys.argv[1:]])
