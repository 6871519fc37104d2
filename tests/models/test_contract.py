"""start, step and unroll, for every variant and every sensible combination of its parts."""

import pytest
import torch

from novelgen.config import ModelConfig
from novelgen.decoding.protocol import select
from novelgen.models import recurrent
from novelgen.models.zoo import VARIANTS, attends, resolve

BOS = 1


def test_unroll_equals_repeated_step(parts, make, batch):
    network = make(**parts)
    source, lengths, target = batch
    memory, state = network.start(source, lengths)
    logits, weights = network.unroll(target, memory, state)
    seen = source.shape[1] if attends(ModelConfig(**parts)) else 0
    assert logits.shape == (3, 6, 12)
    assert weights.shape == (3, 6, seen)
    assert all(part.shape[0] == 3 for part in (*memory, *state))
    token = torch.full((3,), BOS)
    for place in range(6):
        step_logits, state, step_weights = network.step(token, memory, state)
        torch.testing.assert_close(step_logits, logits[:, place])
        torch.testing.assert_close(step_weights, weights[:, place])
        token = target[:, place]


def test_rows_may_begin_after_other_first_tokens(parts, make, batch):
    """Rows of other tasks: unroll equals step, first tokens are learnt and never predicted.

    A row after BOS is what it would be without them.
    """
    network = make(**parts, first_tokens=2)
    source, lengths, target = batch
    memory, state = network.start(source, lengths)
    first = torch.tensor([BOS, 12, 13])
    logits, _ = network.unroll(target, memory, state, first)
    assert logits.shape == (3, 6, 12)
    plain, _ = network.unroll(target, memory, state)
    torch.testing.assert_close(logits[0], plain[0])
    assert not torch.allclose(logits[1], plain[1])
    assert not torch.allclose(logits[2], plain[2])
    token, moved = first, state
    for place in range(6):
        step_logits, moved, _ = network.step(token, memory, moved)
        torch.testing.assert_close(step_logits, logits[:, place])
        token = target[:, place]
    is_token = torch.arange(6) < torch.tensor([[6], [3], [1]])
    nll_sum = network.nll_sum(target, is_token, *network.start(source, lengths), first)
    expected = -logits.log_softmax(-1).gather(2, target.unsqueeze(2)).squeeze(2)[is_token].sum()
    torch.testing.assert_close(nll_sum, expected)
    memory, state = network.start(source, lengths)
    log_probs = network.log_probs(target, is_token, memory, state, first)
    chosen = logits.log_softmax(-1).gather(2, target.unsqueeze(2)).squeeze(2)
    torch.testing.assert_close(log_probs, chosen[is_token])
    nll_sum.backward()
    name = "writer.embedding.weight" if parts.get("copy") else "embedding.weight"
    gradient = network.get_parameter(name).grad
    assert gradient.shape[0] == 14
    assert gradient[12].any()
    assert gradient[13].any()


def test_first_tokens_change_the_shape_of_the_embeddings_alone(parts, make):
    shapes = {name: parameter.shape for name, parameter in make(**parts).named_parameters()}
    with_first_token = make(**parts, first_tokens=1)
    others = {name: parameter.shape for name, parameter in with_first_token.named_parameters()}
    changed = [name for name in shapes if shapes[name] != others[name]]
    assert shapes.keys() == others.keys()
    assert [name.removeprefix("writer.") for name in changed] == ["embedding.weight"]


def test_rows_do_not_depend_on_each_other_or_on_their_order(parts, make, batch):
    network = make(**parts)
    source, lengths, target = batch
    with torch.no_grad():
        logits, weights = network.unroll(target, *network.start(source, lengths))
        alone, alone_weights = network.unroll(
            target[1:2], *network.start(source[1:2, :2], lengths[1:2])
        )
        order = torch.tensor([2, 0, 1])
        turned, _ = network.unroll(target[order], *network.start(source[order], lengths[order]))
    torch.testing.assert_close(alone, logits[1:2])
    torch.testing.assert_close(turned, logits[order])
    if weights.shape[2]:
        torch.testing.assert_close(alone_weights, weights[1:2, :, :2])
        torch.testing.assert_close(weights.sum(-1), torch.ones(3, 6, dtype=torch.float64))
        assert not weights[1, :, 2:].any()
        assert not weights[2, :, 5:].any()


def test_rows_of_a_state_can_be_reordered(parts, make, batch):
    """What beam search does between steps."""
    network = make(**parts)
    source, lengths, _ = batch
    memory, state = (select(each, torch.tensor([0, 0])) for each in network.start(source, lengths))
    _, state, _ = network.step(torch.tensor([BOS, BOS]), memory, state)
    _, state, _ = network.step(torch.tensor([4, 5]), memory, state)
    there, _, _ = network.step(torch.tensor([6, 7]), memory, state)
    back, _, _ = network.step(torch.tensor([7, 6]), memory, select(state, torch.tensor([1, 0])))
    torch.testing.assert_close(back, there[[1, 0]])
    assert not torch.allclose(there[0], there[1])


def test_every_parameter_learns_and_every_source_token_matters(parts, make, batch):
    network = make(**parts).train()
    source, lengths, target = batch
    # Not the logarithm of their total: it is constant where the logits are log-probabilities.
    network.unroll(target, *network.start(source, lengths))[0].square().sum().backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.any(), name
    network.eval()
    with torch.no_grad():
        before = network.unroll(target, *network.start(source, lengths))[0]
        for place in range(5):
            other = source.clone()
            other[2, place] = (source[2, place] - 2) % 9 + 3
            after = network.unroll(target, *network.start(other, lengths))[0]
            assert not torch.allclose(after[2], before[2], atol=1e-12)
            torch.testing.assert_close(after[:2], before[:2])


@pytest.mark.parametrize("make", [20], indirect=True)
@pytest.mark.parametrize("name", VARIANTS)
def test_source_vocabulary_has_embeddings_of_its_own(name, make, batch):
    network = make(model=name)
    _, lengths, target = batch
    source = torch.full((3, 7), 19)
    with torch.no_grad():
        before = network.start(source, lengths)
        network.embedding.weight.add_(1.0)
        for old, new in zip(
            (*before[0], *before[1]),
            (tensor for part in network.start(source, lengths) for tensor in part),
            strict=True,
        ):
            assert torch.equal(old, new)
    logits, _ = network.unroll(target, *before)
    assert logits.shape == (3, 6, 12)
    assert sum(parameter.numel() for parameter in network.parameters()) == sum(
        each.numel() for each in network.state_dict().values()
    )


@pytest.mark.parametrize("name", VARIANTS)
def test_shared_vocabulary_has_no_second_embeddings(name, make):
    assert not any("source" in key for key in make(model=name).state_dict())


@pytest.mark.parametrize(
    ("options", "second"),
    [
        ({"model": "luong", "encoder_layers": 2, "decoder_layers": 2}, "decoder.layers.1"),
        ({"model": "luong", "input_feeding": False}, None),
        ({"model": "bahdanau", "cell": "gru", "decoder_layers": 2}, "decoder.upper.0"),
        ({"model": "lm"}, "decoder.layers.1"),
        ({"model": "cho", "decoder_layers": 2}, "decoder.layers.1"),
    ],
)
def test_dropout_has_one_mask_along_a_target(monkeypatch, make, batch, options, second):
    """In what the readout and the second layer read, run at once or step by step."""
    network = make(**options, dropout=0.5).train()
    source, lengths, target = batch
    memory, state = network.start(source, lengths)
    read_out, above, run_layer = [], [], recurrent.run_layer

    def watch(layer, sequence, *arguments):
        if second and layer is network.get_submodule(second):
            above.append(sequence)
        return run_layer(layer, sequence, *arguments)

    monkeypatch.setattr(recurrent, "run_layer", watch)
    network.decoder.readout.register_forward_pre_hook(
        lambda module, inputs: read_out.append(inputs[0])
    )
    network.unroll(target, memory, state)
    for inputs in (read_out, above) if second else (read_out,):
        dropped = torch.cat(inputs, dim=1) == 0
        assert dropped.shape[1] == 6
        assert dropped.any()
        assert not dropped.all()
        assert torch.equal(dropped, dropped[:, :1].expand_as(dropped))


def test_recurrent_weights_are_dropped_in_training_alone(make, batch):
    network = make(model="bahdanau", decoder_size=32, dropout=0.2)
    source, lengths, target = batch
    used, loop = [], network.decoder.loop

    def watch(inputs, lengths, memory, hidden, cell, weights):
        used.append(weights.recurrent)
        return loop(inputs, lengths, memory, hidden, cell, weights)

    network.decoder.loop = watch
    weight = network.decoder.recurrent.weight
    for training in (True, True, False):
        network.train(training).unroll(target, *network.start(source, lengths))
    first, second, evaluated = used
    assert torch.equal(evaluated, weight)
    assert not torch.equal(first, second)
    kept = first != 0
    assert kept.double().mean() == pytest.approx(0.6, abs=0.05)
    torch.testing.assert_close(first[kept], weight[kept] / 0.6)


def test_resolving_a_resolved_configuration_changes_nothing(parts):
    resolved = resolve(ModelConfig(**parts))
    assert resolve(resolved) == resolved


@pytest.mark.parametrize("model", VARIANTS)
@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn"])
def test_bfloat16_is_close_to_float32_and_has_finite_gradients(model, cell, make, batch, bfloat16):
    options = {"cell": cell} if "cell" in VARIANTS[model].parts else {}
    network = make(model=model, **options).float()
    source, lengths, target = batch
    exact, _ = network.unroll(target, *network.start(source, lengths))
    with torch.autocast("cpu", dtype=bfloat16):
        rough, _ = network.unroll(target, *network.start(source, lengths))
    torch.testing.assert_close(rough.float(), exact, atol=0.1, rtol=0.1)
    rough.float().square().sum().backward()
    assert all(parameter.grad.isfinite().all() for parameter in network.parameters())
