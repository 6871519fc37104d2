import torch

from novelgen.config import ModelConfig
from novelgen.models.build import build_model
from novelgen.models.encoder import Encoder
from novelgen.models.zoo import resolve

LENGTHS = torch.tensor([6, 4])


def embedded():
    return torch.randn(2, 6, 4, generator=torch.Generator().manual_seed(1))


def encoder(layers):
    torch.manual_seed(0)
    sizes = {"embedding_size": 4, "encoder_size": 8, "dropout": 0.5}
    return Encoder(resolve(ModelConfig(encoder_layers=layers, **sizes)))


def annotations(module):
    return module(embedded(), LENGTHS).annotations


def test_layers_are_joined_by_dropout_in_training_alone():
    two_layers = encoder(2)
    assert not torch.equal(annotations(two_layers), annotations(two_layers))
    two_layers.eval()
    assert torch.equal(annotations(two_layers), annotations(two_layers))


def test_below_the_first_layer_and_above_the_last_nothing_is_dropped():
    one_layer = encoder(1)
    assert torch.equal(annotations(one_layer), annotations(one_layer))


def test_a_row_has_one_dropout_mask_along_its_sequence():
    two_layers = encoder(2)
    seen = []
    two_layers.dropout.register_forward_hook(lambda _, inputs, output: seen.append(output))
    annotations(two_layers)
    (dropped,) = seen
    of_first_row = dropped[0] == 0  # (S, M)
    assert torch.equal(of_first_row, of_first_row[:1].expand_as(of_first_row))
    assert 0 < of_first_row[0].sum() < 16
    assert not torch.equal(of_first_row[0], dropped[1, 0] == 0)


def test_the_dropout_of_the_configuration_reaches_the_encoder():
    torch.manual_seed(0)
    sizes = {"embedding_size": 4, "encoder_size": 8, "decoder_size": 16, "encoder_layers": 2}
    network = build_model(ModelConfig(dropout=0.5, **sizes), 12)
    assert not torch.equal(annotations(network.encoder), annotations(network.encoder))


def test_annotations_at_the_padding_are_zero_and_others_do_not_see_it():
    module = encoder(2).eval()
    found = annotations(module)
    assert not found[1, 4:].any()
    assert found[1, 3].any()
    alone = module(embedded()[1:, :4], LENGTHS[1:]).annotations
    torch.testing.assert_close(found[1:, :4], alone)
