import dataclasses

import pytest
import torch

from novelgen.config import ModelConfig
from novelgen.models.build import build_model
from novelgen.models.kernels import api, reference

CONFIG = ModelConfig(
    embedding_size=6, encoder_size=5, decoder_size=8, attention_size=4, dropout=0.0
)
VOCABULARY = 12


def model(**changes):
    torch.manual_seed(0)
    return build_model(dataclasses.replace(CONFIG, **changes), VOCABULARY).double().eval()


def batch():
    """source, source lengths, target; rows of different length."""
    generator = torch.Generator().manual_seed(1)
    source = torch.randint(3, VOCABULARY, (3, 7), generator=generator)
    lengths = torch.tensor([7, 2, 5])
    target = torch.randint(3, VOCABULARY, (3, 6), generator=generator)
    return source.masked_fill(torch.arange(7) >= lengths[:, None], 0), lengths, target


@pytest.mark.parametrize("layers", [1, 2, 3])
@pytest.mark.parametrize("loop", [api.attention_loop, reference.attention_loop])
def test_unroll_equals_repeated_step(layers, loop):
    network = model(encoder_layers=layers, decoder_layers=layers)
    network.decoder.loop = loop
    source, lengths, target = batch()
    memory, state = network.start(source, lengths)
    logits, weights = network.unroll(target, memory, state)
    assert logits.shape == (3, 6, VOCABULARY)
    assert weights.shape == (3, 6, 7)
    token = torch.full((3,), 1)
    for place in range(6):
        step_logits, state, step_weights = network.step(token, memory, state)
        torch.testing.assert_close(step_logits, logits[:, place])
        torch.testing.assert_close(step_weights, weights[:, place])
        token = target[:, place]


def test_a_state_is_a_tuple_of_batch_first_tensors():
    network = model(decoder_layers=2)
    memory, state = network.start(*batch()[:2])
    assert len(state) == 4
    assert all(part.shape == (3, 8) for part in state)
    assert all(len(part) == 3 for part in memory)


def test_a_row_does_not_depend_on_longer_rows():
    network = model(encoder_layers=2)
    source, lengths, target = batch()
    together, weights = network.unroll(target, *network.start(source, lengths))
    alone, _ = network.unroll(target[1:2], *network.start(source[1:2, :2], lengths[1:2]))
    torch.testing.assert_close(together[1:2], alone)
    assert not weights[1, :, 2:].any()


def test_the_source_reaches_the_output_through_attention_and_through_the_bridge():
    network = model()
    source, lengths, target = batch()
    other = source.clone()
    other[0, 3] = source[0, 3] % (VOCABULARY - 3) + 3
    assert other[0, 3] != source[0, 3]
    memory, state = network.start(source, lengths)
    other_memory, other_state = network.start(other, lengths)
    before = network.unroll(target, memory, state)[0][0]
    assert not torch.allclose(network.unroll(target, other_memory, state)[0][0], before, atol=1e-9)
    assert not torch.allclose(network.unroll(target, memory, other_state)[0][0], before, atol=1e-9)


@pytest.mark.parametrize("layers", [1, 2])
def test_every_parameter_learns(layers):
    network = model(encoder_layers=layers, decoder_layers=layers).train()
    source, lengths, target = batch()
    network.unroll(target, *network.start(source, lengths))[0].logsumexp(-1).sum().backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        # The highest encoder layer starts the decoder; all other parts lead to the output.
        assert parameter.grad.abs().sum() > 0, name


def test_gradients_do_not_depend_on_the_loop():
    found = []
    for loop in (api.attention_loop, reference.attention_loop):
        network = model(encoder_layers=2, decoder_layers=2)
        network.decoder.loop = loop
        source, lengths, target = batch()
        network.unroll(target, *network.start(source, lengths))[0].square().sum().backward()
        found.append({name: parameter.grad for name, parameter in network.named_parameters()})
    for name, gradient in found[0].items():
        torch.testing.assert_close(gradient, found[1][name], msg=name)


def test_initialisation_is_what_its_docstring_says():
    network = model(decoder_layers=2, embedding_size=64, decoder_size=32).float()
    for name, weight in network.named_parameters():
        if name.endswith(("recurrent.weight", "weight_hh_l0")):
            for gate in weight.chunk(4):
                torch.testing.assert_close(gate @ gate.t(), torch.eye(len(gate)), atol=1e-5, rtol=0)
    assert network.embedding.weight.std().item() == pytest.approx(0.1, rel=0.1)
    for bias in (
        network.decoder.token.bias,
        network.decoder.upper[0].bias_ih_l0,
        network.encoder.forwards[0].bias_ih_l0,
    ):
        i, f, g, o = bias.chunk(4)
        assert torch.equal(f, torch.ones_like(f))
        assert not any(part.any() for part in (i, g, o))
    assert not network.decoder.upper[0].bias_hh_l0.any()
