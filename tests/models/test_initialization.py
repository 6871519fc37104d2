"""Starting values, of every variant and every sensible combination of its parts."""

import pytest
import torch
from torch import nn

from novelgen.config import ModelConfig
from novelgen.models.build import build_model
from novelgen.models.zoo import VARIANTS


def of_layer_norms(network):
    """Names of the parameters that layer norms have."""
    return {
        f"{path}.{name}"
        for path, module in network.named_modules()
        if isinstance(module, nn.LayerNorm)
        for name, _ in module.named_parameters()
    }


def is_recurrent(name):
    return name.endswith(("weight_hh_l0", "decoder.recurrent.weight"))


def is_score(name):
    return name.rpartition(".")[2] == "score"


def is_embedding(name):
    return name.endswith("embedding.weight")


def test_every_parameter_gets_its_starting_value(parts, make):
    network = make(**parts)
    kept = of_layer_norms(network)
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if name not in kept:
                parameter.fill_(torch.nan)
    network.reset_parameters()
    assert all(parameter.isfinite().all() for parameter in network.parameters())


def test_a_seed_gives_the_same_values_again(parts, make):
    network = make(**parts)
    values = []
    for _ in range(2):
        torch.manual_seed(5)
        network.reset_parameters()
        values.append([parameter.clone() for parameter in network.parameters()])
    assert all(torch.equal(*pair) for pair in zip(*values, strict=True))


def test_recurrent_weights_are_orthogonal_gate_by_gate(parts, make):
    weights = [weight for name, weight in make(**parts).named_parameters() if is_recurrent(name)]
    assert bool(weights) == ("cell" in VARIANTS[parts["model"]].parts)
    for weight in weights:
        size = weight.shape[1]
        for gate in weight.split(size):
            identity = torch.eye(size, dtype=weight.dtype)
            torch.testing.assert_close(gate @ gate.t(), identity, atol=1e-5, rtol=0)


def test_biases_are_zero_but_an_lstm_begins_to_remember(parts, make):
    network = make(**parts)
    kept = of_layer_norms(network)
    lstms = {
        f"{path}.bias_ih_l0"
        for path, module in network.named_modules()
        if isinstance(module, nn.LSTM)
    }
    for name, parameter in network.named_parameters():
        if parameter.dim() > 1 or name in kept or is_score(name):
            continue
        expected = torch.zeros_like(parameter)
        if name in lstms or name.endswith("decoder.token.bias"):
            expected.chunk(4)[1].fill_(1.0)  # gates i, f, g, o
        assert torch.equal(parameter, expected), name


@pytest.mark.parametrize(
    "options",
    [*({"model": name} for name in VARIANTS), {"score": "concat"}, {"coverage": True}],
    ids=lambda options: "-".join(map(str, options.values())),
)
def test_embeddings_scores_and_all_other_weights_have_their_spread(options):
    torch.manual_seed(0)
    sizes = {"embedding_size": 64, "decoder_size": 128}
    network = build_model(ModelConfig(**sizes, **options), 300, 400)
    for name, parameter in network.named_parameters():
        if is_embedding(name):
            assert parameter.std().item() == pytest.approx(0.1, rel=0.05), name
            continue
        if is_score(name):
            bound = parameter.numel() ** -0.5
        elif parameter.dim() > 1 and not is_recurrent(name):
            bound = (6 / sum(parameter.shape)) ** 0.5  # Glorot and Bengio (2010)
        else:
            continue
        assert 0.9 * bound < parameter.abs().max() <= bound, name
