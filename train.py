"""Trains a model on a novel.

python train.py --corpus corpus/novel.txt
"""

from novelgen.cli import run_script
from novelgen.commands.train import add_arguments, main

if __name__ == "__main__":
    run_script("train.py", add_arguments, main)
