"""Every variant, by way of a run directory: training, saving, loading, writing, and refusals."""

import json

import pytest
import torch

from novelgen.cli import Parser
from novelgen.commands import evaluate, generate, train
from novelgen.decoding.generator import Generator
from novelgen.errors import CheckpointError, ConfigError
from novelgen.models.zoo import VARIANTS, attends
from novelgen.training.checkpoint import load_run
from novelgen.training.hardware import supports_bfloat16
from novelgen.training.loss import evaluate_loss

PROMPT = "三加四得几"
RUNS = [
    *({"model": name} for name in VARIANTS),
    {"model": "luong", "score": "concat", "cell": "rnn"},
    {"model": "bahdanau", "copy": True},
    {"model": "luong", "score": "additive", "coverage": True},
]


def case(options):
    """A case of RUNS. Every family learns in a unit test, what they have in common in slow ones."""
    is_unit = options in ({"model": "bahdanau"}, {"model": "lm"}, {"model": "transformer"})
    marks = [] if is_unit else [pytest.mark.slow]
    return pytest.param(options, id="-".join(map(str, options.values())), marks=marks)


@pytest.fixture(params=map(case, RUNS))
def trained(request, workshop):
    """A trainer of a variant that ran some steps, in bfloat16 where the CPU multiplies in it."""
    precision = "bfloat16" if supports_bfloat16(torch.device("cpu")) else "float32"
    # The workshop's sizes fit the default model; the others find their own.
    trainer = workshop.trainer(
        encoder_size=None,
        attention_size=None,
        precision=precision,
        max_steps=30,
        learning_rate=1e-2,
        **request.param,
    )
    trainer.fit()
    return trainer


def call(command, *arguments):
    parser = Parser(prog="x")
    command.add_arguments(parser)
    command.main(parser.parse_args(list(map(str, arguments))))


def test_a_run_learns_is_loaded_again_and_writes(workshop, trained):
    records = [
        json.loads(line) for line in trained.run.metrics.read_text(encoding="utf-8").splitlines()
    ]
    losses = [record["loss"] for record in records if "loss" in record]
    assert sum(losses[-5:]) < 0.8 * sum(losses[:5])
    loaded = load_run(trained.run.path, "cpu")
    trained.run.load_weights(trained.model)
    trained.model.eval()
    batch = workshop.valid.batch(range(4))
    source, lengths, target = (
        torch.from_numpy(part) for part in (batch.source, batch.source_lengths, batch.target)
    )
    with torch.no_grad():
        mine, other = (
            model.unroll(target, *model.start(source, lengths))[0]
            for model in (trained.model, loaded.model)
        )
    assert torch.equal(mine, other)
    per_token = torch.nn.functional.cross_entropy(mine.transpose(1, 2), target, reduction="none")
    real = torch.arange(target.shape[1]) < torch.from_numpy(batch.target_lengths)[:, None]
    found = evaluate_loss(
        loaded.model, workshop.valid.subset(range(4)), batch_tokens=1000, device=torch.device("cpu")
    )
    assert found.nll_sum == pytest.approx(per_token[real].sum().item(), rel=1e-4)
    writes(loaded)


def writes(run):
    """Beams of one are greedy; beams and samples come with attention, or with none of it."""
    generator = Generator(run.model, run.tokenizer, run.config, run.device)
    plain = {"repetition_penalty": 1.0, "no_repeat_ngram": 0, "min_length": 0, "max_length": 12}
    greedy = generator.generate(PROMPT, decoder="greedy", **plain).paragraphs[0]
    beam = generator.generate(PROMPT, decoder="beam", beam_size=1, **plain).paragraphs[0]
    assert beam.ids == greedy.ids
    assert beam.log_probabilities == pytest.approx(greedy.log_probabilities)
    sources = len(greedy.source_tokens) if attends(run.config.model) else 0
    wide = generator.candidates(PROMPT, decoder="beam", beam_size=3, num_samples=2, **plain)
    for generation in (*wide, *generator.candidates(PROMPT, num_samples=2, seed=1, max_length=12)):
        for paragraph in generation.paragraphs:
            assert paragraph.attention.shape == (len(paragraph.tokens), sources)
    assert wide[0].score >= beam.score - 1e-6
    assert len(list(generator.inspect(greedy))) == len(greedy.tokens)


@pytest.mark.slow
@pytest.mark.parametrize("name", VARIANTS)
def test_the_command_line_trains_every_variant_and_keeps_its_parts(name, novel, tmp_path, capsys):
    output = tmp_path / "run"
    call(
        train,
        "--corpus",
        novel,
        "--output",
        output,
        "--preset",
        "tiny",
        "--model",
        name,
        "--embedding-size",
        8,
        "--decoder-size",
        16,
        "--max-steps",
        2,
        "--batch-tokens",
        200,
        "--device",
        "cpu",
    )
    kept = json.loads((output / "config.json").read_text(encoding="utf-8"))["config"]["model"]
    assert kept["model"] == name
    parts = VARIANTS[name].parts
    assert {part: kept[part] for part in parts} == parts
    call(
        evaluate,
        "--checkpoint",
        output,
        "--json",
        "--device",
        "cpu",
        "--generate",
        1,
        "--max-length",
        5,
    )
    assert '"bits_per_character"' in capsys.readouterr().out
    asked = ("--checkpoint", output, "--prompt", "天地人。", "--device", "cpu", "--max-length", 5)
    if attends(load_run(output, "cpu").config.model):
        call(generate, *asked, "--attention", tmp_path / "a.json")
        (paragraph,) = json.loads((tmp_path / "a.json").read_text(encoding="utf-8"))[0]
        assert len(paragraph["attention"][0]) == len(paragraph["source_tokens"])
    else:
        with pytest.raises(ConfigError, match="no attention"):
            call(generate, *asked, "--attention", tmp_path / "a.json")
        assert capsys.readouterr().out.count("\n") == 0


@pytest.mark.slow
def test_a_variant_overrides_the_preset_and_options_override_both(novel, tmp_path):
    sizes = (
        "--embedding-size",
        8,
        "--decoder-size",
        16,
        "--max-steps",
        1,
        "--batch-tokens",
        200,
        "--device",
        "cpu",
    )
    call(
        train,
        "--corpus",
        novel,
        "--output",
        tmp_path / "run",
        "--preset",
        "large",
        "--model",
        "lm",
        "--decoder-layers",
        3,
        *sizes,
    )
    kept = json.loads((tmp_path / "run" / "config.json").read_text(encoding="utf-8"))["config"][
        "model"
    ]
    assert (kept["encoder_layers"], kept["decoder_layers"]) == (None, 3)


def test_parts_that_do_not_fit_are_refused_before_anything_is_read(tmp_path):
    with pytest.raises(ConfigError, match="--score"):
        call(
            train,
            "--corpus",
            tmp_path / "none.txt",
            "--output",
            tmp_path / "run",
            "--model",
            "cho",
            "--score",
            "dot",
        )
    assert not any(tmp_path.iterdir())


def test_parts_that_do_not_fit_are_damage_in_a_run_directory(workshop):
    trainer = workshop.trainer(max_steps=1)
    trainer.fit()
    path = trainer.run.path / "config.json"
    info = json.loads(path.read_text(encoding="utf-8"))
    info["config"]["model"]["bridge"] = "last"
    path.write_text(
        json.dumps(
            {
                **info,
                "config": {
                    **info["config"],
                    "model": {**info["config"]["model"], "encoder_size": 3},
                },
            }
        )
    )
    with pytest.raises(CheckpointError, match="damaged"):
        load_run(trainer.run.path, "cpu")
