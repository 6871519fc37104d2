import math

import pytest
import torch
from torch import nn

from novelgen.models.transformer import attend, heads_of, positions, project_keys


def test_decoder_equals_the_forward_of_pytorchs_layers(make, batch):
    network = make(model="transformer", embedding_size=128, decoder_size=20)
    source, lengths, target = batch
    padding = torch.arange(7) >= lengths[:, None]
    before = torch.cat([torch.ones(3, 1, dtype=torch.int64), target[:, :-1]], dim=1)
    with torch.no_grad():
        logits, _ = network.unroll(target, *network.start(source, lengths))
        read, written = (
            network.embedding(tokens) * math.sqrt(128)
            + positions(0, tokens.shape[1], 128, network.output_bias)
            for tokens in (source, before)
        )
        known = network.encoder(read, src_key_padding_mask=padding)
        mask = nn.Transformer.generate_square_subsequent_mask(6, dtype=torch.float64)
        for layer in network.layers:
            written = layer(
                written,
                known,
                tgt_mask=mask,
                memory_key_padding_mask=padding.double().masked_fill(padding, -torch.inf),
            )
    torch.testing.assert_close(logits, network.project(network.norm(written)))


@pytest.mark.parametrize("size", [8, 7])
def test_positions_are_the_sinusoids_of_the_paper(size):
    found = positions(3, 4, size, torch.zeros((), dtype=torch.float64))
    for row, place in enumerate(range(3, 7)):
        for feature in range(size):
            angle = place / 10_000 ** (feature // 2 * 2 / size)
            assert found[row, feature].item() == pytest.approx(
                math.cos(angle) if feature % 2 else math.sin(angle)
            )


def test_attention_is_softmax_of_scaled_products_head_by_head():
    torch.manual_seed(0)
    module = nn.MultiheadAttention(6, 2, batch_first=True).double()
    sequence = torch.randn(1, 3, 6, dtype=torch.float64)
    known = torch.randn(1, 4, 6, dtype=torch.float64)
    allowed = torch.tensor([[[True, True, False, True]]])
    with torch.no_grad():
        found, weights = attend(module, sequence, *project_keys(module, known), allowed)
        queries = sequence[0] @ module.in_proj_weight[:6].t() + module.in_proj_bias[:6]
        keys = known[0] @ module.in_proj_weight[6:12].t() + module.in_proj_bias[6:12]
        values = known[0] @ module.in_proj_weight[12:].t() + module.in_proj_bias[12:]
        for place in range(3):
            heads = []
            for head in (slice(0, 3), slice(3, 6)):
                exps = {
                    other: math.exp(queries[place, head] @ keys[other, head] / math.sqrt(3))
                    for other in (0, 1, 3)
                }
                total = sum(exp * values[other, head] for other, exp in exps.items())
                heads.append(total / sum(exps.values()))
            expected = module.out_proj(torch.cat(heads))
            torch.testing.assert_close(found[0, place], expected)
    assert weights.shape == (1, 3, 4)
    assert not weights[..., 2].any()


def test_state_holds_keys_and_values_of_the_tokens_before(make, batch):
    network = make(model="transformer", decoder_layers=2)
    memory, state = network.start(*batch[:2])
    for written in range(4):
        assert len(state) == 4
        assert all(part.shape == (3, written, 6) for part in state)
        _, state, _ = network.step(torch.tensor([4, 5, 6]), memory, state)


@pytest.mark.parametrize(
    ("size", "heads"), [(6, 1), (64, 1), (128, 2), (200, 2), (256, 4), (300, 4), (1024, 16)]
)
def test_heads_divide_the_width(size, heads):
    assert heads_of(size) == heads


def test_layer_norms_start_as_the_identity(make):
    for module in make(model="transformer").modules():
        if isinstance(module, nn.LayerNorm):
            assert torch.equal(module.weight, torch.ones_like(module.weight))
            assert not module.bias.any()
