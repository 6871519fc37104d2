"""The written report: from a run to its files, stopped and gone on with, of several runs."""

import json
import re

import pytest

import novelgen
from novelgen.api.effort import QUICK
from novelgen.api.report import FORMATS, write_report
from novelgen.errors import CheckpointError, ConfigError
from novelgen.i18n import use_language

pytestmark = pytest.mark.slow
TINY = {
    "embedding_size": 8,
    "decoder_size": 8,
    "context_paragraphs": 3,
    "batch_tokens": 400,
    "device": "cpu",
}


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Two runs of a few steps on the same novel; the second one does not attend."""
    folder = tmp_path_factory.mktemp("report")
    lines = []
    for chapter in range(1, 21):
        lines.append(f"第{chapter}章 河边")
        for number in range(6):
            lines.append(f"第{chapter}天，小满数了{chapter * number}级石阶，又数了{number}条船。")
    novel = folder / "river.txt"
    novel.write_text("\n".join(lines), encoding="utf-8")
    for model in ("bahdanau", "seq2seq"):
        options = {**TINY, "model": model, "init": "none", "verbose": False}
        novelgen.train(novel, folder / model, max_steps=4, validate_every=2, **options)
    # As a training that ended with an alarm leaves it.
    with (folder / "bahdanau" / "metrics.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps({"step": 4, "alarm": "stuck_attention", "message": "stuck"}) + "\n")
    return [folder / "bahdanau", folder / "seq2seq"]


@pytest.fixture(scope="module")
def report(runs, tmp_path_factory):
    """A report of both runs in every format."""
    output = tmp_path_factory.mktemp("report")
    paths = write_report(runs, output, author="张三", course="文本生成", quick=True, device="cpu")
    return output, paths


def test_every_format_is_written(report):
    output, paths = report
    assert [path.name for path in paths] == [f"report.{name}" for name in FORMATS]
    assert all(path.stat().st_size for path in paths)
    # No message was left without its values; a formula has braces of its own.
    text = re.sub(
        r"\$\$.*?\$\$", "", (output / "report.md").read_text(encoding="utf-8"), flags=re.S
    )
    assert not re.search(r"\{[a-z_]+\}", text)


def test_figures_in_the_text_are_those_of_the_run(report, runs):
    text = (report[0] / "report.md").read_text(encoding="utf-8")
    found = novelgen.evaluate(runs[0], device="cpu")
    assert f"{found.bits_per_character:.3f}" in text
    assert f"{found.perplexity:.2f}" in text
    info = json.loads((runs[0] / "config.json").read_text(encoding="utf-8"))
    assert f"{info['parameters']:,}" in text
    assert f"{info['baselines']['trigram']['test']:.3f}" in text
    assert "张三" in text
    assert "4: attention looked at one place" in text


def test_heatmaps_are_of_one_paragraph_and_the_report_says_so(report):
    text = (report[0] / "report.md").read_text(encoding="utf-8")
    assert "at most 3 segments" in text
    assert "one paragraph alone" in text
    (measured,) = (report[0] / "measured").glob("*/attention.json")
    paragraphs = json.loads(measured.read_text(encoding="utf-8"))["paragraphs"]
    assert len(paragraphs) == QUICK.heatmaps
    # The end mark is that of the only paragraph.
    assert all(paragraph["source_tokens"].count("<EOS>") == 1 for paragraph in paragraphs)


def test_every_cited_paper_is_listed_and_every_listed_one_cited(report):
    text = (report[0] / "report.md").read_text(encoding="utf-8").replace("\\", "")
    body, listed = text.split("## References\n")
    cited = {
        int(number) for group in re.findall(r"\[([\d, ]+)\]", body) for number in group.split(",")
    }
    assert cited == {int(number) for number in re.findall(r"^- \[(\d+)\]", listed, re.MULTILINE)}


def test_commands_train_the_same_run(report, runs):
    text = (report[0] / "report.md").read_text(encoding="utf-8")
    (command,) = re.findall(r"^python train\.py .*bahdanau.*$", text, re.MULTILINE)
    assert "--embedding-size 8" in command
    assert "--max-steps 4" in command
    assert "--init none" in command
    assert "--model" not in command
    assert "--model seq2seq" in text
    output = report[0]
    assert f"--output {output.parent.name}/{output.name} --format md,docx,pdf,html" in text


def test_what_was_measured_is_not_measured_again(report, runs):
    output, _paths = report
    told = []
    write_report(
        runs,
        output,
        formats=["md"],
        quick=True,
        device="cpu",
        on_progress=lambda *of: told.append(of),
    )
    assert told == []


def test_interrupted_sweep_goes_on_behind_its_last_row(runs, tmp_path):
    def interrupt(part, done, total):
        if part == "sweep" and done == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_report(
            runs[0], tmp_path, formats=["md"], quick=True, device="cpu", on_progress=interrupt
        )
    told = []
    write_report(
        runs[0],
        tmp_path,
        formats=["md"],
        quick=True,
        device="cpu",
        on_progress=lambda *of: told.append(of),
    )
    totals = {total for part, _done, total in told if part == "sweep"}
    # The first setting was whole: three texts are not written again.
    assert totals == {3 * (len(QUICK.settings) - 1)}
    assert "prediction" not in {part for part, _done, _total in told}


def test_chinese_report_has_no_english_sentence(report, runs):
    output, _paths = report
    with use_language("zh"):
        write_report(runs, output, formats=["md"], quick=True, device="cpu")
    text = (output / "report.md").read_text(encoding="utf-8")
    body = text.split("## 参考文献")[0]
    assert not re.findall(r"[a-z]{3,} [a-z]{3,} [a-z]{3,} [a-z]{3,}", body)


def test_mistakes_are_told_before_anything_is_measured(runs, tmp_path):
    with pytest.raises(ConfigError, match="--format"):
        write_report(runs, tmp_path / "report", formats=["doc"])
    with pytest.raises(ConfigError, match="at least one run"):
        write_report([], tmp_path / "report")
    file = tmp_path / "file.txt"
    file.write_text("x")
    with pytest.raises(ConfigError, match="a file, not a folder"):
        write_report(runs, file, device="cpu")
    with pytest.raises(CheckpointError):
        write_report(tmp_path / "nowhere", tmp_path / "report", device="cpu")
    assert not (tmp_path / "report").exists()
