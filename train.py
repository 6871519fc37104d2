"""`python train.py …` in a clone is `novelgen train …` where the package is installed."""

import sys

from novelgen.__main__ import command

if __name__ == "__main__":
    command(["train", *sys.argv[1:]])
