import pytest
import torch

from novelgen.config import ModelConfig
from novelgen.models.decoders import EveryStepDecoder, PlainDecoder, no_weights
from novelgen.models.zoo import resolve

LENGTHS = torch.tensor([6, 4])


def embedded():
    return torch.randn(2, 6, 4, generator=torch.Generator().manual_seed(1))


def plain(layers):
    torch.manual_seed(0)
    sizes = {"embedding_size": 4, "decoder_size": 8, "dropout": 0.5}
    return PlainDecoder(resolve(ModelConfig(model="lm", decoder_layers=layers, **sizes)))


def same(one, other):
    return all(torch.equal(*pair) for pair in zip(one, other, strict=True))


def test_layers_that_read_a_source_are_joined_by_dropout_in_training_alone():
    decoder = plain(2)
    assert not same(decoder.read(embedded(), LENGTHS), decoder.read(embedded(), LENGTHS))
    decoder.eval()
    assert same(decoder.read(embedded(), LENGTHS), decoder.read(embedded(), LENGTHS))


def test_the_lowest_layer_reads_all_of_the_source():
    decoder = plain(1)
    assert same(decoder.read(embedded(), LENGTHS), decoder.read(embedded(), LENGTHS))


def test_the_state_behind_a_source_is_that_behind_its_last_token():
    decoder = plain(2).eval()
    state = decoder.read(embedded(), LENGTHS)
    alone = decoder.read(embedded()[1:, :4], LENGTHS[1:])
    for both, one in zip(state, alone, strict=True):
        torch.testing.assert_close(both[1:], one)


@pytest.mark.parametrize("layers", [1, 2])
def test_readouts_are_dropped_out_in_training_alone(layers):
    torch.manual_seed(0)
    sizes = {"embedding_size": 4, "encoder_size": 6, "decoder_size": 8, "dropout": 0.5}
    decoder = EveryStepDecoder(resolve(ModelConfig(model="cho", decoder_layers=layers, **sizes)))
    context = (torch.ones(2, 6),)
    state = tuple(torch.zeros(2, 8) for _ in range(layers))
    one, other = (decoder(embedded(), context, state)[0] for _ in range(2))
    assert not torch.equal(one, other)
    decoder.eval()
    one, other = (decoder(embedded(), context, state)[0] for _ in range(2))
    assert torch.equal(one, other)


def test_a_decoder_without_attention_has_no_weights():
    assert no_weights(embedded()).shape == (2, 6, 0)
