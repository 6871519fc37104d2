"""The documents name what exists: commands, options, files, functions, messages, places."""

import importlib
import re
import subprocess
import sys
import tokenize
from functools import cache
from pathlib import Path

import pytest
from babel.messages.pofile import read_po

import novelgen
from novelgen.i18n import LOCALE_DIR
from novelgen.models.zoo import VARIANTS

PROJECT = Path(__file__).parents[1]
DOCUMENTS = sorted(
    path.relative_to(PROJECT).as_posix()
    for path in (
        *PROJECT.glob("README*.md"),
        *PROJECT.glob("docs/*.md"),
        *PROJECT.glob("c*/README.md"),
    )
)
# Options of other programs that the documents use.
FOREIGN_OPTIONS = {
    "--check": "ruff format, novelgen/locale/update.py",
    "--epsilon": "an option that docs/contributing.md adds for an example",
    "--logdir": "tensorboard",
    "--master-addr": "torchrun",
    "--master-port": "torchrun",
    "--max-restarts": "torchrun",
    "--nnodes": "torchrun",
    "--node-rank": "torchrun",
    "--nproc-per-node": "torchrun",
    "--rdzv-backend": "torchrun",
    "--rdzv-endpoint": "torchrun",
    "--rdzv-id": "torchrun",
    "--version": "python",
}
# Files that are in no checkout: what the program writes, and what its users bring. Those of the
# users' documents are made, or written, when the blocks of the documents run.
WRITTEN = {
    *("config.json", "tokenizer.json", "model.safetensors", "trainer.pt", "metrics.jsonl"),
    *("samples.md", "loss.png", "source_tokenizer.json", "meta.json", "ngram.safetensors"),
    "baselines.safetensors",
    ".stores",
    *("table.md", "table.csv", "table.json", "losses.json", "curves.png", "by_length.png"),
    "解码.md",
}
BROUGHT = {
    *("train.tsv", "valid.tsv", "test.tsv", "novel.txt", "inf.txt", "hongloumeng.txt"),
    *("语料.json", "清理.txt", "人名.txt", "另一部.txt"),
}
# Names of other programs.
FOREIGN_NAMES = {
    "VmHWM": "the Linux kernel",
    "gradio_client": "a package",
    "http_proxy": "an environment variable",
}
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SPAN = re.compile(r"(?<!`)(`{1,2})(?!`)(.+?)(?<!`)\1(?!`)")
OPTION = re.compile(r"(?<![\w-])--[a-z][a-z0-9-]*")
COMMAND = re.compile(
    r"(?:(train|app)\.py|novelgen (train|app|generate|evaluate|compare|prepare)\b)"
)


def read(name):
    return (PROJECT / name).read_text(encoding="utf-8")


def blocks(name, *languages):
    """The code blocks of a document that are in one of the languages, or all."""
    found = FENCE.findall(read(name))
    return [text for language, text in found if not languages or language in languages]


def prose(name):
    """A document without its code blocks."""
    return FENCE.sub("", read(name))


def spans(name):
    """What stands between backticks in the running text and the tables of a document."""
    return [text.replace(r"\|", "|") for _, text in SPAN.findall(prose(name))]


def command_lines(name):
    """Every command of novelgen that a document shows: (command, the rest of its line)."""
    shell = [re.sub(r"\\\n\s*", " ", block) for block in blocks(name, "bash", "sh")]
    lines = [line for block in shell for line in block.splitlines()] + spans(name)
    for line in lines:
        # What follows a pipe, && or a comment belongs to another command.
        for part in re.split(r"\||&&|(?:^|\s)#", line):
            match = COMMAND.search(part)
            if match:
                yield match[1] or match[2], part[match.end() :]


@cache
def options_of(command):
    """The options of a command, by its own --help."""
    words = [sys.executable, "-m", "novelgen", command, "--help"]
    done = subprocess.run(words, cwd=PROJECT, capture_output=True, encoding="utf-8", check=True)
    return frozenset(OPTION.findall(done.stdout))


@cache
def all_options():
    commands = ("train", "app", "generate", "evaluate", "compare", "report", "prepare", "doctor")
    return frozenset().union(*map(options_of, commands))


@cache
def options_of_scripts():
    """The options of the scripts that are no commands of the package: benchmarks and the like."""
    scripts = (path for path in tree() if path.suffix == ".py" and path.parts[0] != "novelgen")
    sources = [(PROJECT / path).read_text(encoding="utf-8") for path in scripts]
    return frozenset(re.findall(r'"(--[a-z][a-z0-9-]*)"', "\n".join(sources)))


@cache
def tree():
    """Every file and folder of the project, as paths from its root."""
    files = [path for path in PROJECT.iterdir() if path.is_file()]
    for folder in ("novelgen", "tests", "docs", "benchmarks", "corpus", ".ci"):
        files += [path for path in (PROJECT / folder).rglob("*") if path.is_file()]
    files.append(PROJECT / "checkpoints" / "README.md")
    paths = {path.relative_to(PROJECT) for path in files}
    return paths | {parent for path in paths for parent in path.parents}


@cache
def known_paths():
    """What a document may call a file or folder: the first folders may be left out."""
    return {"/".join(path.parts[start:]) for path in tree() for start in range(len(path.parts))}


@cache
def names_in_code():
    """Every name that occurs in the project's Python code, its tests included."""
    names = set()
    for path in tree():
        if path.suffix == ".py" and (PROJECT / path).is_file():
            with (PROJECT / path).open("rb") as file:
                tokens = tokenize.tokenize(file.readline)
                names |= {token.string for token in tokens if token.type == tokenize.NAME}
    return names


def test_all_documents_are_found():
    assert {"README.md", "README.en.md", "docs/guide.md", "corpus/README.md"} <= set(DOCUMENTS)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_commands_have_the_options_that_documents_give_them(name):
    wrong = [
        f"{command} {option}"
        for command, rest in command_lines(name)
        for option in OPTION.findall(rest)
        if option not in options_of(command)
    ]
    assert not wrong


@pytest.mark.parametrize("name", ["docs/guide.md", "docs/architecture.md"])
def test_tables_of_variants_have_those_of_the_program_in_its_order(name):
    _, table = read(name).split("| `--model` |")
    rows = table.split("\n\n")[0]
    assert re.findall(r"^\| `([\w-]+)`", rows, re.MULTILINE) == list(VARIANTS)


def test_architecture_names_the_paper_of_every_variant():
    document = read("docs/architecture.md")
    missing = [
        name
        for name, variant in VARIANTS.items()
        if f"| `{name}` | {variant.paper}" not in document
    ]
    assert not missing


@pytest.mark.parametrize("name", DOCUMENTS)
def test_options_exist(name):
    named = {option for span in spans(name) for option in OPTION.findall(span)}
    unknown = named - all_options() - options_of_scripts() - FOREIGN_OPTIONS.keys()
    assert not unknown


@pytest.mark.parametrize("name", DOCUMENTS)
def test_files_exist(name):
    endings = r"(?:py|md|toml|txt|yaml|json|jsonl|css|html|js|png|csv|tsv|po|mo|pt|safetensors)"
    form = re.compile(rf"(?:[\w.-]+/)*[\w.-]+\.{endings}")
    named = {
        match[0]
        for span in spans(name)
        for word in span.split()
        if (match := re.fullmatch(rf"({form.pattern})(?::[\w.]+(?:\(\))?)?", word))
    }
    paths = {re.sub(r":.*", "", path) for path in named}
    # FILE.tsv and the like stand for any file.
    paths = {path for path in paths if not Path(path).stem.isupper()} - WRITTEN - BROUGHT
    missing = paths - known_paths()
    assert not missing


@pytest.mark.parametrize("name", DOCUMENTS)
def test_folders_exist(name):
    named = {span.rstrip("/") for span in spans(name) if re.fullmatch(r"(?:[\w.-]+/)+", span)}
    missing = named - known_paths() - WRITTEN
    assert not missing


def is_in_the_package(dotted):
    """Whether `novelgen.x.y` is a module, or a name in one."""
    found = novelgen
    for part in dotted.split(".")[1:]:
        if not hasattr(found, part):
            try:
                importlib.import_module(f"{found.__name__}.{part}")
            except ImportError:
                return False
        found = getattr(found, part)
    return True


@pytest.mark.parametrize("name", DOCUMENTS)
def test_names_of_the_package_exist(name):
    """`novelgen.x.y`, in the text as in blocks of code."""
    text = "\n".join([*spans(name), *blocks(name, "python")])
    named = set(re.findall(r"(?<![\w./-])novelgen(?:\.[A-Za-z_]\w*)+", text))
    names = {dotted for dotted in named if Path(dotted).suffix not in {".po", ".mo", ".py"}}
    missing = {dotted for dotted in names if not is_in_the_package(dotted)}
    assert not missing


@pytest.mark.parametrize("name", DOCUMENTS)
def test_names_of_code_exist(name):
    """What looks like code, `two_words`, `CamelCase`, `call()`, `file.py:name`, occurs in it."""
    forms = (
        r"[A-Za-z_][\w.]*\(.*\)",  # a call
        r"[A-Z][a-z0-9]+[A-Z]\w*(?:\.\w+)*",  # CamelCase, and its methods
        r"[a-z][a-z0-9]*(?:_[a-z0-9]+)+(?:\.\w+)*",  # snake_case
        r"[\w./-]+\.py:[\w.]+(?:\(\))?",  # a function in its file
    )
    identifiers = set()
    for span in spans(name):
        is_code = any(re.fullmatch(form, span) for form in forms)
        if is_code and span not in known_paths() | WRITTEN | BROUGHT:
            plain = re.sub(r"^[\w./-]+\.py:", "", span)
            identifiers |= set(re.match(r"[\w.]+", plain)[0].split("."))
    missing = {one for one in identifiers if one} - names_in_code() - FOREIGN_NAMES.keys()
    assert not missing


def anchors(path):
    """The anchors of a document's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", FENCE.sub("", path.read_text(encoding="utf-8")), re.M)
    plain = [re.sub(r"[^\w\- ]", "", heading.strip().lower()) for heading in headings]
    return {heading.replace(" ", "-") for heading in plain}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_links_lead_somewhere(name):
    here = PROJECT / name
    broken = []
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(name)):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        file = (here.parent / path) if path else here
        is_there = file.exists() and (not anchor or anchor in anchors(file))
        if not is_there:
            broken.append(target)
    assert not broken


def test_readmes_are_short_and_lead_to_each_other():
    chinese, english = read("README.md").splitlines(), read("README.en.md").splitlines()
    assert max(len(chinese), len(english)) <= 150
    assert "(README.en.md)" in chinese[0]
    assert "(README.md)" in english[0]


# What the English README calls otherwise within its commands.
ENGLISH = {"我的小说": "my_novel", "人名": "names"}


def in_english(text):
    for chinese, english in ENGLISH.items():
        text = text.replace(chinese, english)
    return text


def test_readmes_have_the_same_commands():
    assert [in_english(block) for block in blocks("README.md")] == blocks("README.en.md")


def test_readmes_have_the_same_order():
    """Headings by their level, pictures, tables, lists and blocks of code."""

    def outline(name):
        marks = re.findall(r"^(#+ |!\[|\|---|- |```\w*|> )", read(name), re.MULTILINE)
        return [mark for mark in marks if mark != "```"]

    assert outline("README.md") == outline("README.en.md")


def test_readmes_have_the_same_numbers():
    def numbers(text):
        text = re.sub(r"\]\(.*?\)", "]", text).replace(",", "")
        ten_thousands = re.compile(r"([\d.]+) 万")
        text = ten_thousands.sub(lambda match: f"{float(match[1]) * 10_000:.0f}", text)
        return sorted(re.findall(r"\d+(?:\.\d+)?", text))

    assert numbers(read("README.md")) == numbers(read("README.en.md"))


def test_every_command_stands_in_the_readme():
    commands = {command for command, _ in command_lines("README.md")}
    assert commands == {"train", "app", "generate", "evaluate", "compare", "prepare"}


@cache
def chinese_messages():
    """Every Chinese message as a pattern, its placeholders standing for any text."""
    with (LOCALE_DIR / "zh_CN" / "LC_MESSAGES" / "novelgen.po").open("rb") as file:
        entries = list(read_po(file))
    texts = [entry.string if entry.id else "" for entry in entries]
    flat = [text for each in texts for text in ([each] if isinstance(each, str) else each)]
    patterns = []
    for text in flat:
        literal = re.split(r"\{[^}]*\}|%\(\w+\)[sr]|%[sr]", text)
        # A message of placeholders alone would fit everything.
        if sum(map(len, literal)) >= 6:
            patterns.append(re.compile(".+".join(map(re.escape, literal))))
    return patterns


def quoted_messages():
    """The lines of the program that the troubleshooting page quotes."""
    lines = [
        line for block in blocks("docs/troubleshooting.md", "text") for line in block.split("\n")
    ]
    return [line for line in lines if line]


@pytest.mark.parametrize("line", quoted_messages())
def test_quoted_messages_are_the_programs_own(line):
    # What stands before a message is put there where it is shown.
    message = line.removeprefix("错误：").removeprefix("警报：")
    assert any(pattern.fullmatch(message) for pattern in chinese_messages())
