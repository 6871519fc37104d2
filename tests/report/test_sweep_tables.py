import csv
import io
import json

import pytest

from novelgen.evaluation.sweep import SweepRow, product, sweep
from novelgen.report.sweep_tables import FORMATS, measures_heading, measures_table, save_sweep

TEXTS = [("宝玉笑道：“我来了。”", "黛玉说不好。"), ("贾母笑了。", "凤姐来了，说好。")]


@pytest.fixture(scope="module")
def rows(toy):
    settings = product({"temperature": [0.5, 1.5], "beam_size": [2], "max_length": 20})
    return list(sweep(toy.generator(), TEXTS, settings))


@pytest.mark.parametrize("suffix", FORMATS)
def test_a_file_holds_source_truth_text_and_settings_of_every_row(rows, tmp_path, suffix):
    save_sweep(tmp_path / f"sweep{suffix}", TEXTS, rows)
    content = (tmp_path / f"sweep{suffix}").read_text(encoding="utf-8")
    texts = [text.text for row in rows for text in row.texts]
    for text in [*texts, *(text for pair in TEXTS for text in pair)]:
        assert text in content.replace("\\", "") or json.dumps(text)[1:-1] in content
    if suffix == ".csv":
        found = list(csv.DictReader(io.StringIO(content.removeprefix("\ufeff"))))
        assert [line["beam-size"] for line in found] == ["", "", "", "", "2", "2"]
        assert [line["temperature"] for line in found] == ["0.5", "0.5", "1.5", "1.5", "", ""]
        assert [line["seed"] for line in found] == ["1", "2", "1", "2", "", ""]
        assert [line["true next paragraph"] for line in found] == [*[t for _, t in TEXTS]] * 3
    if suffix == ".json":
        assert [SweepRow.from_dict(row) for row in json.loads(content)["rows"]] == rows


def test_what_no_row_knows_has_no_column(rows):
    assert "copied 8-grams" not in measures_heading(rows)
    assert [line[0] for line in measures_table(rows)] == [row.label for row in rows]
    assert {len(line) for line in measures_table(rows)} == {len(measures_heading(rows))}
