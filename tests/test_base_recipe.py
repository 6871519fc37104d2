"""recipes/base.py: what the base model reads, and what is shipped of its run."""

import importlib.util
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

import novelgen
from novelgen.errors import CheckpointError
from novelgen.training.checkpoint import load_run

RECIPE = Path(__file__).parent.parent / "recipes" / "base.py"


@pytest.fixture(scope="module")
def recipe():
    spec = importlib.util.spec_from_file_location("base_recipe", RECIPE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_round_has_modern_novels_whole_and_another_third_of_each_classical_one(recipe, tmp_path):
    novels = tmp_path / "novels"
    (novels / "more" / "life50").mkdir(parents=True)
    lines = {}
    for name in ("luxun_nahan", "xiyouji", "more/yiming_shuotang"):
        lines[Path(name).name] = [f"{name}第{number}行。\n" for number in range(10)]
        (novels / f"{name}.txt").write_text("".join(lines[Path(name).name]), encoding="utf-8")
    for name in (
        "hongloumeng",
        "more/guichuzi_hongloumengbu",
        "more/linheshanren_honglouyuanmeng",
        "laoshe_luotuoxiangzi",
        "more/life50/feiming_qiao",
        "rulinwaishi",
        "more/luxun_yecao",
    ):
        (novels / f"{name}.txt").write_text("不要读。\n", encoding="utf-8")
    rounds = []
    for number in (1, 2, 3):
        recipe.build_corpus(novels, tmp_path / str(number), number)
        files = (tmp_path / str(number)).iterdir()
        rounds.append({path.stem: path.read_text(encoding="utf-8") for path in files})
    for name, own in lines.items():
        parts = [each[name] for each in rounds]
        assert set(rounds[0]) == set(lines)
        if name == "luxun_nahan":
            assert parts == ["".join(own)] * 3
        else:
            assert sorted("".join(parts).splitlines(True)) == sorted(own)


def test_what_is_shipped_writes_and_has_nothing_of_its_corpus(recipe, novel, tmp_path):
    run = tmp_path / "run"
    novelgen.train(
        novel, run, embedding_size=8, decoder_size=8, max_steps=2, device="cpu", verbose=False
    )
    shipped = tmp_path / "base"
    recipe.ship(run, shipped)
    assert {path.name for path in shipped.iterdir()} == {
        "config.json",
        "tokenizer.json",
        "model.safetensors",
    }
    assert {each.dtype for each in load_file(shipped / "model.safetensors").values()} == {
        torch.float16
    }
    assert "novel" not in (shipped / "config.json").read_text(encoding="utf-8")
    weights = load_run(run).model.state_dict()
    for name, tensor in load_run(shipped).model.state_dict().items():
        torch.testing.assert_close(tensor, weights[name], rtol=1e-3, atol=1e-6)
    assert novelgen.Generator.load(shipped).generate("小满坐在船头。", max_length=5).text
    with pytest.raises(CheckpointError):
        novelgen.evaluate(shipped)
