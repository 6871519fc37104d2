"""Every picture of the documents comes out of their script."""

import os
import subprocess
import sys
from pathlib import Path

import matplotlib.image
import pytest

from novelgen.report.fonts import find_font
from tests.web.browser.conftest import CHROMIUM

SCRIPT = Path(__file__).parents[3] / "docs" / "make_pictures.py"
LONGEST = 600  # seconds, on a busy machine


@pytest.mark.skipif(find_font() is None, reason="no Chinese font")
@pytest.mark.skipif(CHROMIUM is None, reason="no chromium in PATH")
def test_every_picture_of_the_documents_is_made_from_a_given_run(workplace, tmp_path):
    pytest.importorskip("playwright.sync_api")
    run = workplace / "checkpoints" / "novel"
    command = [sys.executable, SCRIPT, "--checkpoint", run, "--output", tmp_path]
    environment = {**os.environ, "PYTHONPATH": str(SCRIPT.parents[1])}
    subprocess.run(command, check=True, env=environment, timeout=LONGEST)
    made = {path.name for path in tmp_path.glob("*.png")}
    assert made == {path.name for path in SCRIPT.parent.glob("*.png")}
    for path in tmp_path.glob("*.png"):
        height, width, _ = matplotlib.image.imread(path).shape
        assert (width, height) == (1280, 1010)
