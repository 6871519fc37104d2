"""The compiled decoder of the default model against the model itself, step by step."""

import sys
import threading

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as some

from novelgen.config import ModelConfig
from novelgen.decoding.protocol import select, start
from novelgen.models.build import build_model
from novelgen.models.compiled_decoder import LARGEST_TABLE, CompiledDecoder, optimize_for_inference

VOCABULARY, CPU = 30, torch.device("cpu")


def make(scale=1.0, seed=0, **sizes):
    """A small model in float32 whose weights are not small."""
    torch.manual_seed(seed)
    model = build_model(
        ModelConfig(**{"embedding_size": 6, "decoder_size": 10, **sizes}), VOCABULARY
    ).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn_like(parameter) * 0.5 * scale)
    return model


def follow(model, sources, tokens, turns=None):
    """Log-probabilities, weights and readout of every step.

    Before step t the rows turns[t] of the step before are taken.
    """
    with torch.inference_mode():
        memory, state = start(model, sources, CPU)
        found = []
        for place, step_tokens in enumerate(tokens):
            if turns is not None:
                rows = torch.tensor(turns[place])
                memory, state = select(memory, rows), select(state, rows)
            token = torch.tensor(step_tokens)
            logits, state, weights, readout = model.step_with_readout(token, memory, state)
            found.append((logits.log_softmax(-1), weights, readout))
    return found


@settings(max_examples=40)
@given(some.data())
def test_predictions_and_weights_are_those_of_the_model_for_any_size(data):
    sizes = {
        "embedding_size": some.integers(1, 9),
        "encoder_size": some.integers(1, 7),
        "decoder_size": some.integers(1, 11),
        "attention_size": some.integers(1, 6),
        "decoder_layers": some.integers(1, 3),
    }
    model = make(
        seed=data.draw(some.integers(0, 99)),
        **{name: data.draw(kind) for name, kind in sizes.items()},
    )
    sources = data.draw(
        some.lists(
            some.lists(some.integers(3, VOCABULARY - 1), min_size=1, max_size=9),
            min_size=1,
            max_size=6,
        )
    )
    steps, rows = data.draw(some.integers(1, 4)), data.draw(some.integers(1, 9))
    chance = np.random.default_rng(len(sources))
    turns = [chance.integers(0, rows if place else len(sources), rows) for place in range(steps)]
    tokens = chance.integers(0, VOCABULARY, (steps, rows))
    compiled = optimize_for_inference(model, "float32")
    assert isinstance(compiled, CompiledDecoder)
    found = follow(compiled, sources, tokens, turns)
    expected = follow(model, sources, tokens, turns)
    for mine, truth in zip(found, expected, strict=True):
        torch.testing.assert_close(mine[0], truth[0], rtol=2e-5, atol=2e-5)
        torch.testing.assert_close(mine[1], truth[1], rtol=2e-5, atol=2e-6)
        torch.testing.assert_close(mine[2], truth[2], rtol=2e-5, atol=2e-5)


def test_result_is_the_same_without_a_token_table():
    model, tokens = make(decoder_layers=2), [[1, 1], [5, 6], [7, 29]]
    with_table, without_table = (
        follow(CompiledDecoder(model, model.decoder, torch.float32, size), [[3, 4], [5]], tokens)
        for size in (LARGEST_TABLE, 0)
    )
    for mine, truth in zip(without_table, with_table, strict=True):
        torch.testing.assert_close(mine, truth, rtol=1e-5, atol=1e-5)


def test_bfloat16_weights_are_close_and_the_default():
    model, tokens = make(scale=0.4), [[1], [5], [7]]
    exact, rough, default = (
        follow(each, [[3, 4, 5]], tokens)
        for each in (
            model,
            optimize_for_inference(model, "bfloat16"),
            optimize_for_inference(model),
        )
    )
    for mine, truth, usual in zip(rough, exact, default, strict=True):
        torch.testing.assert_close(mine[0], truth[0], rtol=0.05, atol=0.02)
        assert not torch.equal(mine[0], truth[0])
        assert torch.equal(mine[0], usual[0])


@pytest.mark.parametrize("scale", [1e2, 1e4, 1e9])
def test_huge_weights_give_no_nan(scale):
    model = make(scale=scale, decoder_layers=2)
    compiled = optimize_for_inference(model, "float32")
    for logits, weights, _ in follow(compiled, [[3, 4, 5, 6]], [[1]] + [[7]] * 60):
        assert not logits.isnan().any()
        torch.testing.assert_close(weights.sum(-1), torch.ones(1))


@pytest.mark.parametrize(
    "name",
    [
        "decoder.query.weight",
        "decoder.token.bias",
        "output_bias",
        "decoder.upper.0.weight_hh_l0",
        "decoder.score",
    ],
)
def test_nan_in_a_weight_reaches_the_logits(name):
    model = make(decoder_layers=2)
    with torch.no_grad():
        model.get_parameter(name).view(-1)[0] = torch.nan
    assert follow(optimize_for_inference(model), [[3, 4]], [[1], [5]])[-1][0].isnan().any()


def test_a_step_changes_neither_memory_nor_state():
    compiled = optimize_for_inference(make())
    memory, state = start(compiled, [[3, 4], [5]], CPU)
    first = compiled.step(torch.tensor([1, 2]), memory, state)
    compiled.step(torch.tensor([7, 8]), memory, first[1])
    again = compiled.step(torch.tensor([1, 2]), memory, state)
    assert torch.equal(first[0], again[0])
    assert torch.equal(first[2], again[2])


def test_threads_share_one_compiled_decoder():
    compiled, tokens = optimize_for_inference(make()), [[1], [4], [9], [6]] * 10
    alone = [
        follow(optimize_for_inference(make()), [[3 + number, 5]], tokens)[-1][0]
        for number in range(6)
    ]
    found = [None] * 6

    def write(number):
        found[number] = follow(compiled, [[3 + number, 5]], tokens)[-1][0]

    threads = [threading.Thread(target=write, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(torch.equal(mine, truth) for mine, truth in zip(found, alone, strict=True))


@pytest.mark.parametrize(
    "options", [{"model": "luong"}, {"model": "transformer"}, {"cell": "gru"}, {"copy": True}]
)
def test_other_models_are_returned_unchanged(options):
    model = make(**options)
    assert optimize_for_inference(model) is model


def test_without_numba_the_model_itself_steps_with_one_warning(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "novelgen.models.kernels.inference", None)
    monkeypatch.delattr("novelgen.models.kernels.inference", raising=False)
    model, tokens = make(), [[1], [5]]
    compiled = optimize_for_inference(model)
    expected = follow(model, [[3, 4]], tokens)
    for _ in range(2):
        for mine, truth in zip(follow(compiled, [[3, 4]], tokens), expected, strict=True):
            assert torch.equal(mine[0], truth[0])
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("numba cannot be used, writing is slower: ")
