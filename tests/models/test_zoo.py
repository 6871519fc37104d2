import subprocess
import sys

import pytest
import torch

from novelgen.config import ModelConfig
from novelgen.errors import ConfigError
from novelgen.models.build import build_model
from novelgen.models.zoo import MODEL_PARTS, VARIANTS, annotation_size, attends, resolve
from novelgen.presets import PRESETS, preset


def test_parts_have_no_default_outside_the_table():
    assert all(getattr(ModelConfig(), name) is None for name in MODEL_PARTS)


@pytest.mark.parametrize("name", VARIANTS)
def test_every_variant_can_be_chosen_and_says_what_it_is(name):
    assert ModelConfig(model=name).model == name
    assert VARIANTS[name].paper
    assert VARIANTS[name].summary.isascii()
    with pytest.raises(ConfigError, match=f"did you mean {name}"):
        ModelConfig(model=f"{name}?")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("bahdanau", {"cell": "lstm", "bidirectional": True, "score": "additive"}),
        ("luong", {"score": "general", "input_feeding": True}),
        ("cho", {"cell": "gru", "context": "every-step"}),
        ("sutskever", {"encoder_layers": 4, "decoder_layers": 4, "reverse_source": True}),
        ("seq2seq", {"context": "initial", "bridge": "last", "score": None}),
        ("lm", {"encoder_layers": None, "encoder_size": None, "cell": "lstm"}),
        ("transformer", {"cell": None, "encoder_layers": 3}),
    ],
)
def test_variants_have_the_parts_of_their_papers(name, expected):
    found = resolve(ModelConfig(model=name))
    assert {part: getattr(found, part) for part in expected} == expected


@pytest.mark.parametrize("name", VARIANTS)
def test_the_model_gives_weights_where_the_table_says_that_it_attends(name, make, batch):
    source, lengths, target = batch
    network = make(model=name)
    _, weights = network.unroll(target, *network.start(source, lengths))
    assert bool(weights.shape[2]) == attends(ModelConfig(model=name))


def test_given_parts_win_and_the_rest_follows():
    found = resolve(
        ModelConfig(model="seq2seq", context="attention", bidirectional=True, decoder_size=40)
    )
    assert (found.score, found.bridge) == ("additive", "last")
    assert (found.encoder_size, found.attention_size) == (20, 20)
    assert annotation_size(found) == 40
    found = resolve(ModelConfig(model="luong", context="initial"))
    assert (found.score, found.input_feeding, found.attention_size) == (None, None, None)
    assert resolve(ModelConfig(model="luong", input_feeding=False)).input_feeding is False


@pytest.mark.parametrize("name", PRESETS)
@pytest.mark.parametrize("model", VARIANTS)
def test_every_preset_has_sizes_for_every_variant(name, model):
    config = preset(name).replace(model=model, **dict.fromkeys(MODEL_PARTS)).model
    resolved = resolve(config)
    assert (resolved.encoder_size is None) == ("encoder_layers" not in VARIANTS[model].parts)
    with torch.device("meta"):
        built = build_model(resolved, 300)
    assert sum(parameter.numel() for parameter in built.parameters()) > 300 * config.embedding_size
    if "bridge" in VARIANTS[model].parts:
        assert annotation_size(resolved) == resolved.decoder_size


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"model": "cho", "score": "dot"}, "--score.*--model cho --context every-step"),
        ({"model": "bahdanau", "input_feeding": True}, "--input-feeding"),
        ({"model": "bahdanau", "context": "initial", "score": "dot"}, "--score.*--context initial"),
        ({"model": "luong", "coverage": True}, "--coverage.*--score general"),
        ({"model": "seq2seq", "copy": True}, "--copy.*--context initial"),
        ({"model": "seq2seq", "guide": 1.0}, "--guide.*--context initial"),
        ({"model": "bahdanau", "copy": True, "guide": 1.0}, "--guide.*--copy"),
        ({"model": "luong", "token_in_query": True}, "--token-in-query.*--model luong"),
        ({"model": "bahdanau", "score": "dot", "token_in_query": True}, "--token-in-query.*dot"),
        ({"model": "lm", "encoder_layers": 2}, "--encoder-layers"),
        ({"model": "lm", "encoder_size": 8}, "--encoder-size"),
        ({"model": "lm", "bidirectional": True}, "--bidirectional"),
        ({"model": "transformer", "cell": "gru"}, "--cell"),
        ({"model": "transformer", "bridge": "mean"}, "--bridge"),
        ({"model": "luong", "attention_size": 8}, "--attention-size.*--score general"),
        ({"model": "bahdanau", "reverse_source": True}, "--reverse-source.*--no-bidirectional"),
        ({"model": "seq2seq", "encoder_layers": 2}, "--bridge last.*--bridge projected"),
        ({"model": "sutskever", "encoder_size": 100}, "--bridge last.*100"),
        ({"model": "bahdanau", "score": "dot", "encoder_size": 100}, "--score dot.*200"),
        ({"model": "seq2seq", "bidirectional": True, "decoder_size": 5}, "--bridge last"),
    ],
)
def test_parts_that_do_not_fit_are_refused_with_the_reason(options, words):
    with pytest.raises(ConfigError, match=words) as caught:
        build_model(ModelConfig(**options), 12)
    assert "\n" not in str(caught.value)
    # One language: the English of the message, where the tests show English.
    assert str(caught.value).isascii()


def test_copy_with_a_source_vocabulary_is_refused():
    with pytest.raises(ConfigError, match=r"--copy.*--share-vocabulary"):
        build_model(ModelConfig(copy=True), 12, 20)


def test_false_for_a_missing_part_is_accepted():
    assert resolve(ModelConfig(model="lm", bidirectional=False, reverse_source=False)) == resolve(
        ModelConfig(model="lm")
    )


def test_default_model_has_the_parameter_names_of_older_files():
    """Run directories older than the variants hold these."""
    network = build_model(
        ModelConfig(
            embedding_size=6,
            encoder_size=5,
            decoder_size=8,
            attention_size=4,
            decoder_layers=2,
            token_in_query=False,
        ),
        12,
    )
    shapes = {name: tuple(parameter.shape) for name, parameter in network.named_parameters()}
    lstm = {
        "weight_ih_l0": (20, 6),
        "weight_hh_l0": (20, 5),
        "bias_ih_l0": (20,),
        "bias_hh_l0": (20,),
    }
    upper = {
        "weight_ih_l0": (32, 8),
        "weight_hh_l0": (32, 8),
        "bias_ih_l0": (32,),
        "bias_hh_l0": (32,),
    }
    assert list(shapes.items()) == [
        ("output_bias", (12,)),
        ("embedding.weight", (12, 6)),
        *(
            (f"encoder.{way}.0.{name}", shape)
            for way in ("forwards", "backwards")
            for name, shape in lstm.items()
        ),
        ("bridge.weight", (32, 10)),
        ("bridge.bias", (32,)),
        ("decoder.score", (4,)),
        ("decoder.key.weight", (4, 10)),
        ("decoder.query.weight", (4, 8)),
        ("decoder.token.weight", (32, 6)),
        ("decoder.token.bias", (32,)),
        ("decoder.context.weight", (32, 10)),
        ("decoder.recurrent.weight", (32, 8)),
        *((f"decoder.upper.0.{name}", shape) for name, shape in upper.items()),
        ("decoder.readout.weight", (6, 24)),
        ("decoder.readout.bias", (6,)),
    ]


def test_parts_are_resolved_without_torch():
    code = (
        "import sys\n"
        "from novelgen.config import ModelConfig\n"
        "from novelgen.models.zoo import VARIANTS, attends, resolve\n"
        "for name in VARIANTS: resolve(ModelConfig(model=name)), attends(ModelConfig(model=name))\n"
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
