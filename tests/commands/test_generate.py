import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from novelgen.cli import Parser
from novelgen.commands import generate as command
from novelgen.commands.generate import add_arguments, main
from novelgen.decoding.generator import Generator
from novelgen.decoding_styles import STYLES
from novelgen.errors import CheckpointError, ConfigError
from novelgen.report import fonts

PROMPT = "宝玉笑道：“我来了。”"


@pytest.fixture(scope="session")
def checkpoint(make_run, tmp_path_factory):
    """A run directory with an untrained model."""
    return make_run(tmp_path_factory.mktemp("run"))


@pytest.fixture
def generate(checkpoint, capsys):
    """Runs the command and returns what it printed; texts are short unless asked otherwise."""

    def call(*arguments, prompt=PROMPT, checkpoint=checkpoint):
        parser = Parser(prog="generate")
        add_arguments(parser)
        chosen = [] if checkpoint is None else ["--checkpoint", str(checkpoint)]
        main(
            parser.parse_args(
                [
                    *chosen,
                    "--device",
                    "cpu",
                    "--prompt",
                    prompt,
                    "--max-length",
                    "12",
                    *map(str, arguments),
                ]
            )
        )
        return capsys.readouterr()

    return call


def test_text_goes_to_stdout_and_the_seed_to_stderr(checkpoint, generate):
    printed = generate("--seed", 7, "--prefix", "宝玉")
    expected = Generator.load(checkpoint, "cpu").generate(
        PROMPT, seed=7, max_length=12, prefix="宝玉"
    )
    assert printed.out == expected.text + "\n"
    assert printed.err == "seed: 7\n"


def test_a_drawn_seed_is_printed_and_repeats_the_text(generate):
    first = generate()
    assert generate("--seed", first.err.split()[-1]).out == first.out


def test_notes_are_shown(generate):
    assert "2 segments" in generate("--seed", 1, prompt="宝玉。\n黛玉。").err


def test_each_of_several_candidates_is_headed_by_its_seed_and_score(generate):
    printed = generate("--seed", 7, "--num-samples", 3)
    headings = [line for line in printed.out.splitlines() if line.startswith("──")]
    assert [re.findall(r"seed (\d+)", line) for line in headings] == [["7"], ["8"], ["9"]]
    assert all(re.search(r"score -\d+\.\d{3}", line) for line in headings)


def test_json_holds_text_tokens_probabilities_and_seed(generate):
    printed = json.loads(generate("--seed", 7, "--json", "--paragraphs", 2).out)
    assert printed["seed"] == 7
    assert printed["notes"] == []
    assert "candidates" not in printed
    assert printed["text"] == "\n".join(paragraph["text"] for paragraph in printed["paragraphs"])
    for paragraph in printed["paragraphs"]:
        assert len(paragraph["tokens"]) == len(paragraph["log_probabilities"]) > 0
        mean = sum(paragraph["log_probabilities"]) / len(paragraph["tokens"])
        assert paragraph["score"] == pytest.approx(mean)


def test_json_lists_the_n_best_of_a_beam(generate):
    printed = json.loads(
        generate("--decoder", "beam", "--beam-size", 4, "--n-best", 3, "--json").out
    )
    scores = [candidate["score"] for candidate in printed["candidates"]]
    assert len(scores) == 3
    assert scores == sorted(scores, reverse=True)
    assert printed["text"] == printed["candidates"][0]["text"]


def test_attention_as_json_and_npz_agree(generate, tmp_path):
    for name in ("a.json", "a.npz"):
        generate("--seed", 7, "--num-samples", 2, "--paragraphs", 2, "--attention", tmp_path / name)
    printed = json.loads((tmp_path / "a.json").read_text(encoding="utf-8"))
    arrays = np.load(tmp_path / "a.npz")
    assert len(printed) == 2
    assert all(len(candidate) == 2 for candidate in printed)
    assert len(arrays) == 12
    for row, candidate in enumerate(printed, start=1):
        for number, paragraph in enumerate(candidate, start=1):
            weights = arrays[f"attention_{row}_{number}"]
            assert np.array(paragraph["attention"]) == pytest.approx(weights)
            assert weights.shape == (len(paragraph["tokens"]), len(paragraph["source_tokens"]))
            assert arrays[f"tokens_{row}_{number}"].tolist() == paragraph["tokens"]
            assert arrays[f"source_tokens_{row}_{number}"].tolist() == paragraph["source_tokens"]


def test_a_heatmap_is_drawn_for_every_paragraph(generate, tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr("novelgen.report.fonts.require_font", lambda: None)
    monkeypatch.setattr(
        "novelgen.report.heatmap.attention_heatmap", lambda paragraph, path: drawn.append(path.name)
    )
    assert "map-2.png" in generate("--paragraphs", 2, "--heatmap", tmp_path / "map.png").err
    assert drawn == ["map.png", "map-2.png"]


@pytest.fixture
def no_font(monkeypatch):
    """A system without a Chinese font."""
    fonts.require_font.cache_clear()
    monkeypatch.setattr(fonts, "find_font", lambda: None)
    yield
    fonts.require_font.cache_clear()


@pytest.mark.usefixtures("no_font")
def test_without_a_font_the_text_is_printed_and_the_weights_are_saved(
    checkpoint, generate, tmp_path, capsys
):
    files = ("--attention", tmp_path / "a.json", "--heatmap", tmp_path / "map.png")
    with pytest.raises(SystemExit) as ended:
        generate("--seed", 7, *files)
    printed = capsys.readouterr()
    expected = Generator.load(checkpoint, "cpu").generate(PROMPT, seed=7, max_length=12).text
    assert printed.out == expected + "\n"
    assert json.loads((tmp_path / "a.json").read_text(encoding="utf-8"))
    assert ended.value.code == 2
    assert not (tmp_path / "map.png").exists()


@pytest.mark.usefixtures("no_font")
def test_a_missing_font_is_one_warning_that_names_the_package(generate, tmp_path, capsys):
    with pytest.raises(SystemExit):
        generate("--seed", 7, "--paragraphs", 2, "--heatmap", tmp_path / "map.png")
    seed, warning = capsys.readouterr().err.splitlines()
    assert seed == "seed: 7"
    assert warning.startswith("warning: no heatmap: ")
    assert "fonts-wqy-zenhei" in warning


@pytest.mark.usefixtures("no_font")
def test_a_missing_font_does_not_spoil_the_json(generate, tmp_path, capsys):
    with pytest.raises(SystemExit):
        generate("--seed", 7, "--json", "--heatmap", tmp_path / "map.png")
    assert json.loads(capsys.readouterr().out)["seed"] == 7


def test_a_terminal_shows_the_text_as_it_grows(checkpoint, generate, monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    screen = Terminal()
    monkeypatch.setattr(sys, "stdout", screen)
    pieces = []
    monkeypatch.setattr(screen, "write", lambda text: pieces.append(text))
    generate("--seed", 7)
    expected = Generator.load(checkpoint, "cpu").generate(PROMPT, seed=7, max_length=12).text
    assert "".join(pieces) == expected + "\n"
    assert len(pieces) > 5
    pieces.clear()
    generate("--seed", 7, "--num-samples", 3)
    assert "".join(pieces).count("──") == 6


def test_the_prompt_is_read_from_standard_input(generate, monkeypatch):
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO("\ufeff宝玉。".encode())))
    printed = json.loads(generate("--json", "--seed", 1, prompt="-").out)
    assert printed["prompt"] == "宝玉。"
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO("宝玉".encode("gb18030"))))
    with pytest.raises(ConfigError, match="UTF-8"):
        generate(prompt="-")


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--attention", "weights.csv"], ".npz"),
        (["--heatmap", "map.jpg"], ".png"),
        (["--attention", "no/such/folder/a.json"], "folder"),
        (["--top-p", "1.5"], "--top-p"),
        (["--temperature", "-1"], "--temperature"),
        (["--beam-size", "0"], "--beam-size"),
        (["--decoder", "bean"], "beam"),
        (["--device", "cuba"], "cuda"),
        (["--min-length", "13"], "--min-length"),
    ],
)
def test_mistakes_are_found_before_the_model_is_loaded(generate, monkeypatch, arguments, named):
    monkeypatch.setattr(Generator, "load", lambda *arguments: pytest.fail("loaded"))
    with pytest.raises(ConfigError) as error:
        generate(*arguments)
    assert named in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0, reason="the superuser may write everywhere"
)
def test_a_protected_folder_is_found_before_anything_is_written(generate, tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(ConfigError, match="cannot be written"):
        generate("--attention", tmp_path / "a.json")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_when_the_disk_is_full_the_text_is_printed_all_the_same(generate, tmp_path, capsys):
    (tmp_path / "a.json").symlink_to("/dev/full")
    with pytest.raises(ConfigError, match="cannot be written"):
        generate("--seed", 7, "--attention", tmp_path / "a.json")
    assert capsys.readouterr().out.strip()


def test_a_missing_checkpoint_and_an_empty_prompt_are_named(generate, checkpoint, tmp_path):
    with pytest.raises(CheckpointError, match=tmp_path.name):
        generate("--checkpoint", tmp_path)
    with pytest.raises(ConfigError, match="--prompt"):
        generate(prompt=" ")


def test_without_a_checkpoint_the_base_model_writes_and_says_so(generate, checkpoint, monkeypatch):
    expected = generate("--seed", 7)
    monkeypatch.setattr(command, "shipped_base", lambda: checkpoint)
    printed = generate("--seed", 7, checkpoint=None)
    assert printed.out == expected.out
    assert "base model" in printed.err.removesuffix(expected.err)
    monkeypatch.setattr(command, "shipped_base", lambda: None)
    with pytest.raises(ConfigError, match="--checkpoint"):
        generate(checkpoint=None)


def test_declaring_the_options_imports_neither_torch_nor_matplotlib():
    program = (
        "import sys, argparse; from novelgen.commands.generate import add_arguments as add; "
        "add(argparse.ArgumentParser()); print({'torch', 'matplotlib', 'numpy'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "set()"


def test_why_explains_every_paragraph(generate, tmp_path):
    path = tmp_path / "why.json"
    generate("--why", path, "--paragraphs", 2, "--seed", 1)
    found = json.loads(path.read_text(encoding="utf-8"))
    assert len(found) == 2
    for part in found:
        size = len(part["tokens"])
        assert len(part["surprise_bits"]) == len(part["source_information_bits"]) == size
        assert {"characters", "words", "sentences"} == set(part["left_out"])


def test_why_refuses_another_kind_of_file(generate, tmp_path):
    with pytest.raises(ConfigError, match=r"--why .*must end in \.json"):
        generate("--why", tmp_path / "why.pdf")


def test_a_style_is_a_set_of_options_that_give_way_to_those_that_are_given(generate):
    styled = generate("--seed", 1, "--style", "steady", "--temperature", 1.5).out
    options = [f"--{name.replace('_', '-')}={value}" for name, value in STYLES["steady"].items()]
    assert styled == generate("--seed", 1, *options, "--temperature", 1.5).out


def test_a_paragraph_is_written_before_what_is_to_follow_from_a_text_or_a_file(
    checkpoint, generate, tmp_path
):
    expected = Generator.load(checkpoint, "cpu").fill(
        PROMPT, "黛玉来了。", seed=3, max_length=12, num_samples=2
    )
    file = tmp_path / "after.txt"
    file.write_text("黛玉来了。\n", encoding="utf-8")
    for after in ("黛玉来了。", file):
        printed = generate("--seed", 3, "--num-samples", 2, "--after", after)
        assert printed.out.splitlines()[1::2] == [each.text for each in expected]
        # The seed that was given writes it again, not that of the candidate.
        assert printed.err == "seed: 3\n"
    file.write_bytes("黛玉来了。".encode("gb18030"))
    with pytest.raises(ConfigError, match="is not UTF-8"):
        generate("--after", file)
    with pytest.raises(ConfigError, match="--after: the text is empty"):
        generate("--after", "")


def test_words_in_brackets_are_written_anew(checkpoint, generate, tmp_path):
    options = {"seed": 3, "max_length": 12, "num_samples": 2}
    expected = Generator.load(checkpoint, "cpu").rewrite(PROMPT, "黛玉来了。", 2, 4, **options)
    file = tmp_path / "paragraph.txt"
    file.write_text("黛玉[来了]。\n", encoding="utf-8")
    for paragraph in ("黛玉[来了]。", file):
        printed = generate("--seed", 3, "--num-samples", 2, "--rewrite", paragraph)
        assert printed.out.splitlines()[1::2] == [each.text for each in expected]
        # The seed that was given writes it again, not that of the candidate.
        assert printed.err == "seed: 3\n"
    for wrong in ("黛玉来了。", "黛玉[]来了。", "[黛玉][来了]。"):
        with pytest.raises(ConfigError, match="in square brackets, once"):
            generate("--rewrite", wrong)
    with pytest.raises(ConfigError, match="--after, --rewrite: give only one"):
        generate("--rewrite", "黛玉[来了]。", "--after", "黛玉来了。")
