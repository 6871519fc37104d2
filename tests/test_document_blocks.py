"""The commands and the Python of the documents run, block after block, on a small novel."""

import os
import random
import re
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[1]
DOCUMENTS = (
    "README.md",
    "README.en.md",
    "docs/guide.md",
    "docs/homework.md",
    "docs/pairs.md",
    "docs/python.md",
    "docs/troubleshooting.md",
)
BLOCK = re.compile(r"^```(bash|python)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# Models that train in a second; the options come last, so that those of a document stand first.
SMALL = "--embedding-size 16 --decoder-size 16 --batch-tokens 800"
# What is not run: a pattern and the reason.
SKIPPED = (
    (r"python3 -m venv \.venv(?: &&)?", "the tests have an environment"),
    (r"(?:source|\.) \.venv/bin/activate(?: &&)?", "the tests have an environment"),
    (
        r"(?:\.venv/bin/)?pip install (?:-r requirements\.txt|-e \"\.\[dev\]\"|\.)(?: &&)?",
        "network",
    ),
    (r"ruff format --check \. && .*", "the tests themselves"),
    (r"tensorboard .*", "the server of another program"),
)
# What is run in a smaller way: a pattern, what stands in its place, and why.
SMALLER = (
    (r"\.venv/bin/python", "python", "the environment of the tests"),
    (r"--max-minutes [\d.]+", "", "a budget of steps is given instead"),
    (r"(train\.py|novelgen train)(?= .*--resume)", r"\1 --max-steps 5", "a small budget"),
    (
        r"(train\.py|novelgen train)(?= (?!.*--resume|.*--help))",
        rf"\1 {SMALL} --max-steps 3",
        "a small model and budget",
    ),
    (r"--minutes [\d.]+", "--steps 2", "a small budget"),
    (r"(novelgen compare)(?=.*--corpus)", rf"\1 {SMALL} --generate 2", "small models, few texts"),
    (r"(novelgen compare)(?=.*--runs)", r"\1 --generate 2", "few texts"),
    (r"--generate 100\b", "--generate 2", "few texts"),
    (r"--preset large", "--preset large --encoder-layers 1 --decoder-layers 1", "a small model"),
    (r"max_minutes=[\d.]+", "max_steps=3", "a small budget"),
)
ENVIRONMENT = os.environ | {
    "PYTHONPATH": str(PROJECT),
    "PYTHONIOENCODING": "utf-8",
    "OMP_NUM_THREADS": "1",
}
APP = re.compile(r"^(?:python app\.py|novelgen app|python -m novelgen app)\b")


def small(text):
    """A block with its lines joined, without what is skipped, and with small budgets."""
    text = re.sub(r" *\\\n *", " ", text)
    for pattern, _reason in SKIPPED:
        text = re.sub(pattern, "", text)
    for pattern, instead, _reason in SMALLER:
        text = re.sub(pattern, instead, text)
    return text


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Workspace:
    """A folder like a checkout, with the files that the documents speak of."""

    def __init__(self, folder, address):
        self.folder = folder
        self.port = free_port()
        self.server = None
        binaries = folder / "bin"
        binaries.mkdir()
        # -S: without site-packages, which the client of the server does not need.
        client = f'-S "{PROJECT}/tests/command_server.py" "{address}"'
        for name, words in {
            "python": client,
            "novelgen": f"{client} -m novelgen",
            "torchrun": "-m torch.distributed.run",
        }.items():
            script = binaries / name
            script.write_text(f'#!/bin/sh\nexec "{sys.executable}" {words} "$@"\n')
            script.chmod(script.stat().st_mode | stat.S_IXUSR)
        self.environment = ENVIRONMENT | {"PATH": f"{binaries}{os.pathsep}{os.environ['PATH']}"}
        self._bring_files()

    def _bring_files(self):
        for script in ("train.py", "app.py"):
            shutil.copy(PROJECT / script, self.folder)
        names = ("我的小说.txt", "my_novel.txt", "novel.txt", "more.txt", "另一部.txt", "手稿.txt")
        for seed, name in enumerate(("corpus/novel.txt", *names, "小说/甲.txt", "小说/乙.txt")):
            path = self.folder / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(novel(seed), encoding="utf-8")
        for name in ("人名.txt", "names.txt"):
            (self.folder / name).write_text("何小满\n罗守一\n", encoding="utf-8")
        rng = random.Random(1)
        for name, columns in {"train": 2, "valid": 2, "couplets": 2, "dialogue": 3}.items():
            rows = ["\t".join(sentence(rng) for _ in range(columns)) for _ in range(120)]
            (self.folder / f"{name}.tsv").write_text("\n".join(rows) + "\n", encoding="utf-8")

    def bash(self, text):
        """Runs a block, and returns how it ended and what it printed.

        A line that opens the page starts a server, which stays.
        """
        lines = []
        for line in small(text).splitlines():
            if APP.match(line):
                self._serve(line.partition("#")[0].strip())
            else:
                lines.append(line)
        script = "\n".join(lines).replace(":7860", f":{self.port}")
        return self._run(["bash", "-euo", "pipefail", "-c", script])

    def python(self, text):
        script = self.folder / "block.py"
        script.write_text(small(text).replace(":7860", f":{self.port}"), encoding="utf-8")
        return self._run([str(self.folder / "bin" / "python"), str(script)])

    def _run(self, words):
        return subprocess.run(
            words,
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            timeout=900,
            check=False,
        )

    def _serve(self, line):
        """Starts the page, which must answer."""
        self.stop()
        line = re.sub(r" --port \d+", "", line)
        self.server = subprocess.Popen(
            ["bash", "-c", f"exec {line} --port {self.port}"],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
        )
        # It says so when it is open; what it cannot do it says before it ends.
        opened = next(iter(self.server.stdout), "")
        assert str(self.port) in opened, opened + self.server.stdout.read()
        address = f"http://127.0.0.1:{self.port}"
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(address, timeout=60) as answer:
            assert answer.status == 200

    def stop(self):
        """Ends the page as Ctrl-C does; nothing may be wrong with that."""
        if self.server is None:
            return
        server, self.server = self.server, None
        server.send_signal(signal.SIGINT)
        rest, _ = server.communicate(timeout=60)
        assert server.returncode == 0, rest


WORDS = ("小满", "罗守一", "石阶", "竹篙", "渡口", "那只钟", "数着", "听见", "走过", "想起")


def sentence(rng):
    return "".join(rng.choices(WORDS, k=rng.randint(4, 9))) + "。"


def novel(seed):
    """Twenty-two chapters: the tenth validates, the twentieth tests."""
    rng = random.Random(seed)
    lines = []
    for chapter in range(1, 23):
        lines.append(f"第{chapter}章 渡口")
        lines += ["".join(sentence(rng) for _ in range(rng.randint(1, 3))) for _ in range(6)]
    return "\n".join(lines) + "\n"


def parts(document):
    """The blocks in their order; blocks of Python that follow one another are one script."""
    found = []
    for language, text in BLOCK.findall((PROJECT / document).read_text(encoding="utf-8")):
        if found and language == "python" == found[-1][0]:
            found[-1] = (language, found[-1][1] + "\n" + text)
        else:
            found.append((language, text))
    return found


@pytest.fixture(scope="module")
def address():
    """Where the server of the commands listens."""
    # The name of a socket must be short.
    with tempfile.TemporaryDirectory() as folder:
        address = f"{folder}/socket"
        server = subprocess.Popen(
            [sys.executable, PROJECT / "tests" / "command_server.py", address],
            env=ENVIRONMENT,
            stdout=subprocess.PIPE,
            encoding="utf-8",
        )
        assert server.stdout.readline() == "ready\n"
        yield address
        server.kill()
        server.communicate()


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("bash") is None, reason="the blocks are written for bash")
@pytest.mark.parametrize("document", DOCUMENTS)
def test_blocks_run(document, tmp_path, address):
    workspace = Workspace(tmp_path, address)
    first, *others = parts(document)
    blocks = [first, *others]
    if document.startswith("README"):
        # The sample at the top is of the run that the first command below it makes.
        blocks = [*others, first]
    if document == "docs/troubleshooting.md":
        # Whoever reads it has trained.
        blocks = [("bash", "python train.py --corpus 我的小说.txt"), *blocks]
    try:
        for language, text in blocks:
            run = {"bash": workspace.bash, "python": workspace.python}[language]
            done = run(text)
            assert done.returncode == 0, f"{text}\n{done.stdout}"
    finally:
        workspace.stop()
