import dataclasses

import pytest

from novelgen.config import ModelConfig
from novelgen.errors import ConfigError
from novelgen.models.build import build_model
from novelgen.models.variants import PARTS, VARIANTS, annotation_size, attends, resolve
from novelgen.presets import PRESETS, preset


def test_the_table_holds_what_the_option_offers():
    spec = next(spec for spec in dataclasses.fields(ModelConfig) if spec.name == "model")
    assert tuple(VARIANTS) == spec.metadata["choices"]
    assert all(getattr(ModelConfig(), name) is None for name in PARTS)


def test_the_variants_are_what_their_papers_say():
    found = {name: resolve(ModelConfig(model=name)) for name in VARIANTS}
    assert (
        found["bahdanau"].bidirectional,
        found["bahdanau"].score,
        found["bahdanau"].context,
    ) == (True, "additive", "attention")
    assert (found["luong"].score, found["luong"].input_feeding) == ("general", True)
    assert (found["cho"].cell, found["cho"].context) == ("gru", "every-step")
    assert (
        found["sutskever"].encoder_layers,
        found["sutskever"].decoder_layers,
        found["sutskever"].reverse_source,
    ) == (4, 4, True)
    assert (found["seq2seq"].context, found["seq2seq"].bridge, found["seq2seq"].score) == (
        "initial",
        "last",
        None,
    )
    assert (found["lm"].encoder_layers, found["lm"].encoder_size, found["lm"].cell) == (
        None,
        None,
        "lstm",
    )
    assert (found["transformer"].cell, found["transformer"].encoder_layers) == (None, 3)
    assert [name for name in VARIANTS if attends(ModelConfig(model=name))] == [
        "bahdanau",
        "luong",
        "transformer",
    ]


def test_what_is_given_wins_and_the_rest_follows():
    found = resolve(
        ModelConfig(model="seq2seq", context="attention", bidirectional=True, decoder_size=40)
    )
    assert (found.score, found.encoder_size, found.attention_size, found.bridge) == (
        "additive",
        20,
        20,
        "last",
    )
    assert annotation_size(found) == 40
    found = resolve(ModelConfig(model="luong", context="initial"))
    assert (found.score, found.input_feeding, found.attention_size) == (None, None, None)
    assert resolve(ModelConfig(model="luong", input_feeding=False)).input_feeding is False


@pytest.mark.parametrize("name", PRESETS)
@pytest.mark.parametrize("model", VARIANTS)
def test_every_preset_has_sizes_for_every_variant(name, model):
    config = preset(name).replace(model=model, **dict.fromkeys(PARTS)).model
    resolved = resolve(config)
    if resolved.encoder_size and model != "transformer":
        assert annotation_size(resolved) == resolved.decoder_size


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"model": "cho", "score": "dot"}, "--score.*--model cho --context every-step"),
        ({"model": "bahdanau", "input_feeding": True}, "--input-feeding"),
        ({"model": "bahdanau", "context": "initial", "score": "dot"}, "--score.*--context initial"),
        ({"model": "luong", "coverage": True}, "--coverage.*--score general"),
        ({"model": "seq2seq", "copy": True}, "--copy.*--context initial"),
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
def test_what_makes_no_sense_is_refused_with_the_reason(options, words):
    with pytest.raises(ConfigError, match=words) as caught:
        build_model(ModelConfig(**options), 12)
    assert "\n" not in str(caught.value)
    assert " | " in str(caught.value)


def test_copying_needs_one_vocabulary():
    with pytest.raises(ConfigError, match=r"--copy.*--share-vocabulary"):
        build_model(ModelConfig(copy=True), 12, 20)


def test_no_to_a_part_that_is_not_there_is_no_contradiction():
    assert resolve(ModelConfig(model="lm", bidirectional=False, reverse_source=False)) == resolve(
        ModelConfig(model="lm")
    )


def test_the_default_model_has_the_names_of_its_first_runs():
    """Run directories of before the variants hold these."""
    network = build_model(
        ModelConfig(
            embedding_size=6, encoder_size=5, decoder_size=8, attention_size=4, decoder_layers=2
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
