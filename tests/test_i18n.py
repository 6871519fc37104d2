"""The language that is shown: which one, and that every message is in the catalogue."""

import argparse
import ast
import inspect
import os
import subprocess
import sys
from pathlib import Path
from runpy import run_path

import pytest

from benchmarks.readability import CJK, chinese_literals
from novelgen import i18n
from novelgen.cli import ARGPARSE_MESSAGES, language_option

PACKAGE = Path(i18n.__file__).parent
UPDATE = run_path(str(i18n.LOCALE_DIR / "update.py"))
MESSAGE_FUNCTIONS = set(UPDATE["KEYWORDS"])
# Where Chinese is what the code is about: numerals, heading words, patterns of adverts.
LINGUISTIC = PACKAGE / "text"

# What argparse says of mistakes in the program, and of kinds of options that we do not use.
FOR_PROGRAMMERS = {
    "%(prog)s: error: %(message)s\n",
    "%(prog)s: warning: %(message)s\n",
    "%r is not callable",
    "'required' is an invalid argument for positionals",
    " (default: %(default)s)",
    ".__call__() not defined",
    "ambiguous option: %(option)s could match %(matches)s",
    "argument '%(argument_name)s' is deprecated",
    'argument "-" with mode %r',
    "can't open '%(filename)s': %(error)s",
    "cannot have multiple subparser arguments",
    "cannot merge actions - two groups are named %r",
    "command '%(parser_name)s' is deprecated",
    "conflicting option string: %s",
    "conflicting subparser alias: %s",
    "conflicting subparser: %s",
    "dest= is required for options like %r",
    "expected %s argument",
    "invalid conflict_resolution value: %r",
    "invalid option string %(option)r: must start with a character %(prefix_chars)r",
    "mutually exclusive arguments must be optional",
    "option '%(option)s' is deprecated",
    "show program's version number and exit",
    "unexpected option string: %s",
}


def source_files():
    return sorted(PACKAGE.rglob("*.py"))


def message_calls(tree):
    """The calls that mark or translate a message."""
    for node in ast.walk(tree):
        is_named = isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
        if is_named and node.func.id in MESSAGE_FUNCTIONS:
            yield node


def place(path, node):
    return f"{path.relative_to(PACKAGE.parent)}:{node.lineno}"


def test_the_catalogue_is_complete_and_compiled():
    assert UPDATE["problems"]() == []


def test_no_chinese_stands_in_code_outside_the_rules_of_language():
    found = [
        f"{place(path, literal)}: {literal.value[:40]!r}"
        for path in source_files()
        if LINGUISTIC not in path.parents
        for literal in chinese_literals(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert found == []


def test_no_chinese_stands_in_the_scripts_of_the_page():
    static = PACKAGE / "web" / "static"
    files = [path for path in static.iterdir() if path.suffix in (".js", ".html", ".css")]
    assert len(files) > 5
    for path in files:
        assert not CJK.findall(path.read_text(encoding="utf-8")), path.name


def test_no_mistake_is_told_in_a_chinese_literal():
    found = []
    for path in source_files():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Raise):
                found += [place(path, literal) for literal in chinese_literals(node)]
    assert found == []


def test_messages_are_english_literals():
    found = []
    for path in source_files():
        if path.name == "i18n.py":
            continue  # which passes on what it is given
        for call in message_calls(ast.parse(path.read_text(encoding="utf-8"))):
            words = call.args[:2] if call.func.id in ("ngettext", "pgettext") else call.args[:1]
            # `_(spec.help)` shows what N_ marked elsewhere; anything else is an English literal.
            is_marked_elsewhere = not isinstance(words[0], ast.Constant | ast.JoinedStr | ast.BinOp)
            if call.func.id in ("_", "browser_text") and is_marked_elsewhere:
                continue
            literal = all(
                isinstance(word, ast.Constant) and isinstance(word.value, str) for word in words
            )
            if not literal or any(True for word in words for _ in chinese_literals(word)):
                found.append(f"{place(path, call)}: {ast.unparse(call)[:60]}")
    assert found == []


def test_no_message_is_glued_from_pieces():
    found = []
    for path in source_files():
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
                sides = (node.left, node.right)
                if all(any(True for _ in message_calls(side)) for side in sides):
                    found.append(place(path, node))
    assert found == []


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, "zh"),
        ({"LANG": "C"}, "zh"),
        ({"LANG": "C.UTF-8"}, "zh"),
        ({"LC_ALL": "POSIX"}, "zh"),
        ({"LANG": "zh_CN.UTF-8"}, "zh"),
        ({"LANG": "zh_TW"}, "zh"),
        ({"LANG": "en_US.UTF-8"}, "en"),
        ({"LANG": "de_DE@euro"}, "en"),
        ({"LANG": "zh_CN.UTF-8", "LC_MESSAGES": "en_GB"}, "en"),
        ({"LANG": "en_US", "LC_ALL": "zh_CN"}, "zh"),
        ({"LANG": "en_US", "LC_ALL": ""}, "en"),
        ({"NOVELGEN_LANG": "en", "LANG": "zh_CN"}, "en"),
        ({"NOVELGEN_LANG": "zh", "LANG": "en_US"}, "zh"),
        ({"NOVELGEN_LANG": "", "LANG": "en_US"}, "en"),
    ],
)
def test_the_language_follows_the_variable_then_the_locale(environment, expected):
    assert i18n.detect_language(environment) == expected


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--lang", "en", "generate"], "en"),
        (["generate", "--prompt", "x", "--lang", "zh"], "zh"),
        (["generate", "--lang=en"], "en"),
        (["generate"], None),
        (["--lang", "fr"], None),
        (["--lang"], None),
        (["generate", "--prompt", "--", "--lang", "en"], None),
    ],
)
def test_the_option_is_found_before_and_after_the_command(arguments, expected):
    assert language_option(arguments) == expected


def test_a_request_has_a_language_of_its_own():
    assert i18n.language() == "en"
    with i18n.use_language("zh"):
        assert i18n._("interrupted") == "已中断"
        with i18n.use_language("en"):
            assert i18n._("interrupted") == "interrupted"
        assert i18n.join_list(["a", "b"]) == "a、b"
    assert i18n.join_list(["a", "b"]) == "a, b"


def test_the_language_reaches_the_standard_library_and_child_processes():
    child = "from novelgen.i18n import language; print(language())"
    code = (
        "import gettext, subprocess, sys; from novelgen.i18n import set_language; "
        "set_language('zh'); print(gettext.gettext('unrecognized arguments: %s')); "
        f"subprocess.run([sys.executable, '-c', {child!r}])"
    )
    environment = {**os.environ, "NOVELGEN_LANG": "en", "PYTHONIOENCODING": "utf-8"}
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=environment,
        capture_output=True,
        encoding="utf-8",
        check=True,
        cwd=PACKAGE.parent,
    )
    assert sorted(done.stdout.split("\n")) == ["", "zh", "无法识别的参数：%s"]


def test_all_that_argparse_says_to_a_user_is_in_the_catalogue():
    said = {
        call.args[0].value
        for call in message_calls(ast.parse(inspect.getsource(argparse)))
        if isinstance(call.args[0], ast.Constant)
    }
    assert said - FOR_PROGRAMMERS <= set(ARGPARSE_MESSAGES)
