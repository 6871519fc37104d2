"""Reading samples.md back."""

from novelgen.report.samples import TrainingSample, read_samples


def test_samples_are_read_in_both_languages(tmp_path):
    path = tmp_path / "samples.md"
    path.write_text(
        "## Step 1,200, 5.507 BPC\n\n> 源文。\n\n一。\n二。\n\n"
        "## 第 1300 步，5.386 BPC\n\n> 源。\n\n三。\n",
        encoding="utf-8",
    )
    assert read_samples(path) == [
        TrainingSample(1200, "源文。", "一。\n二。"),
        TrainingSample(1300, "源。", "三。"),
    ]


def test_run_without_samples_has_none(tmp_path):
    assert read_samples(tmp_path / "samples.md") == []
