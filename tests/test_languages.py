"""The command line from import to text: no Chinese in English, no English sentence in Chinese.

The novel is written in characters of CJK extension A, which no message uses: other Chinese
characters come from the program.
"""

import os
import random
import re
import subprocess
import sys
from pathlib import Path

import pytest

from novelgen import i18n
from tests.in_process import run_command

pytestmark = pytest.mark.slow

PROJECT = Path(__file__).parents[1]
TINY = ("--preset", "tiny", "--device", "cpu", "--precision", "float32", "--batch-tokens", "600")
STEPS = ("--max-steps", "8", "--validate-every", "4")
FIRST_CHARACTER = 0x3400
NOVELS_TEXT = re.compile("[\u3400-\u4dbf]|。")
# The characters that Chinese messages are written in. An untrained model spells other ones in
# bytes, one now and then; two of these in a row are a message.
CATALOGUE = (i18n.LOCALE_DIR / "zh_CN" / "LC_MESSAGES" / "novelgen.po").read_text(encoding="utf-8")
MESSAGE_CHARACTERS = "".join(
    set(re.findall("[\u3000-\u303f\u4e00-\u9fff\uff00-\uffef]", CATALOGUE)) - {"。"}
)
CHINESE = re.compile(f"[{MESSAGE_CHARACTERS}]{{2,}}")
# Four words in a row: no name of an option, a file or a unit has as many.
ENGLISH_SENTENCE = re.compile(r"[A-Za-z]{2,}(?:,? [a-z]{2,}){3,}")
COMMANDS = ("train", "prepare", "generate", "evaluate", "compare")


def write_novel(path):
    """Forty chapters of a few paragraphs, each of forty common characters."""
    rng = random.Random(1)
    alphabet = [chr(FIRST_CHARACTER + number) for number in range(40)]
    lines = []
    for chapter in range(1, 41):
        lines.append(f"第{chapter}章 {''.join(rng.choices(alphabet, k=4))}")
        lines += ["".join(rng.choices(alphabet, k=rng.randint(15, 60))) + "。" for _ in range(5)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


class Shell:
    """Runs commands of the program in one language and keeps all that they printed."""

    def __init__(self, folder, language):
        self.folder = folder
        self.language = language
        self.output = ""

    def run(self, command, *arguments, code=0):
        """What the command printed; fails when it ends with another exit code."""
        words = (command, "--lang", self.language, *arguments)
        done = run_command(*words, folder=self.folder, environment=self._environment())
        return self._printed(done, code)

    def start(self, command, *arguments):
        """As `run`, in a process of its own, whose streams are in the encoding that it finds."""
        program = [str(PROJECT / f"{command}.py")] if command in ("train", "app") else []
        program = program or ["-m", "novelgen", command]
        done = subprocess.run(
            [sys.executable, *program, "--lang", self.language, *arguments],
            cwd=self.folder,
            env=os.environ | self._environment() | {"PYTHONPATH": str(PROJECT)},
            capture_output=True,
            encoding="utf-8",
            timeout=300,
            check=False,
        )
        return self._printed(done, 0)

    def _environment(self):
        """--lang must win over both."""
        return {"NOVELGEN_LANG": "en" if self.language == "zh" else "zh", "LANG": "C"}

    def _printed(self, done, code):
        printed = done.stdout + done.stderr
        assert done.returncode == code, printed
        assert "Traceback" not in printed
        self.output += printed
        return printed


@pytest.fixture(scope="module", params=["zh", "en"])
def shell(request, tmp_path_factory):
    """A shell in a folder where a model was trained and every command was run once."""
    folder = tmp_path_factory.mktemp(request.param)
    write_novel(folder / "novel.txt")
    shell = Shell(folder, request.param)
    prompt = "".join(chr(FIRST_CHARACTER + number) for number in range(12)) + "。"
    run = ("--checkpoint", "run")
    shell.run("prepare", "--corpus", "novel.txt", "--output", "store", "--show-removed")
    shell.run("train", "--corpus", "store", "--output", "run", *TINY, *STEPS)
    shell.run("train", "--output", "run", "--resume", "--max-steps", 10)
    shell.run("generate", *run, "--prompt", prompt, "--seed", 1, "--attention", "weights.json")
    shell.run("generate", *run, "--prompt", prompt, "--decoder", "beam", "--paragraphs", 2)
    shell.run("evaluate", *run, "--generate", 3, "--part", "valid")
    shell.run(
        "compare",
        *("--corpus", "store", "--output", "comparison", "--models", "lm,cho", "--steps", 4),
        *("--validate-every", 2, "--preset", "tiny", "--device", "cpu", "--generate", 3),
    )
    return shell


def foreign(text, language):
    """What is not in the language: runs of Chinese, or English sentences."""
    own = NOVELS_TEXT.sub("", text)
    return (CHINESE if language == "en" else ENGLISH_SENTENCE).findall(own)


def test_what_commands_print_is_in_one_language(shell):
    assert len(shell.output) > 2000
    assert foreign(shell.output, shell.language) == []
    if shell.language == "zh":
        assert len(CHINESE.findall(NOVELS_TEXT.sub("", shell.output))) > 50


def test_what_commands_write_for_people_is_in_one_language(shell):
    files = [path for path in shell.folder.rglob("*.md") if path.is_file()]
    assert {"samples.md"} <= {path.name for path in files}
    for path in files:
        assert foreign(path.read_text(encoding="utf-8"), shell.language) == [], path


@pytest.mark.parametrize("command", [*COMMANDS, "app"])
def test_help_is_in_one_language(shell, command):
    assert foreign(shell.start(command, "--help"), shell.language) == []


@pytest.mark.parametrize(
    ("command", "arguments"),
    [
        ("train", ["--corpus", "missing.txt"]),
        ("train", []),
        ("train", ["--corpus", "novel.txt", "--output", "run"]),
        ("train", ["--corpus", "novel.txt", "--dropout", "2"]),
        ("train", ["--corpus", "novel.txt", "--model", "bahdenau"]),
        ("train", ["--corpus", "novel.txt", "--max-steps", "many"]),
        ("train", ["--corpus", "novel.txt", "--max-steps"]),
        ("train", ["--corpus", "novel.txt", "--epoch", "3"]),
        ("train", ["--resume", "--output", "run", "--embedding-size", "8"]),
        ("train", ["--corpus", "novel.txt", "--tasks", "next=0"]),
        ("train", ["--pairs", "novel.txt"]),
        ("prepare", ["--corpus", "empty.txt"]),
        ("prepare", ["--corpus", "novel.txt", "--encoding", "big5"]),
        ("generate", ["--checkpoint", "missing", "--prompt", "x"]),
        ("generate", ["--checkpoint", "run", "--prompt", "x", "--temperature", "-1"]),
        ("evaluate", ["--checkpoint", "run", "--part", "all"]),
        ("compare", ["--corpus", "novel.txt", "--models", "lm,xyz"]),
        ("app", ["--port", "0"]),
        ("app", ["--device", "tpu"]),
    ],
)
def test_a_mistake_is_one_line_in_one_language(shell, command, arguments):
    (shell.folder / "empty.txt").write_text("", encoding="utf-8")
    printed = shell.run(command, *arguments, code=2)
    assert foreign(printed, shell.language) == []
    assert len(printed.strip().splitlines()) == 1
