"""Opens the page in which a trained model writes.

python app.py
"""

from novelgen.cli import run_script
from novelgen.web.serve import add_arguments, main

if __name__ == "__main__":
    run_script("app.py", add_arguments, main)
