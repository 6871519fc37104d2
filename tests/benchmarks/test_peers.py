"""What the speed of others is measured with: it must do the same work."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.peers.eager import EagerSeq2Seq
from benchmarks.peers.gpt import DecoderOnlyTransformer, one_sequence
from benchmarks.peers.install_joeynmt import Patch, apply
from benchmarks.peers.products import product_flops
from benchmarks.peers.worker import Worker
from novelgen.config import ModelConfig
from novelgen.data.pairs import Batch
from novelgen.models.build import build_model
from novelgen.models.zoo import resolve
from novelgen.text.tokenizers import BOS
from novelgen.training.loss import batch_loss

VOCABULARY = 50
CONFIG = resolve(ModelConfig(embedding_size=12, decoder_size=20, attention_size=14, dropout=0.0))


@pytest.fixture
def doubles():
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def make_batch(source_lengths: list[int], target_lengths: list[int]) -> Batch:
    chance, sides = np.random.default_rng(1), []
    for lengths in (source_lengths, target_lengths):
        counts = np.array(lengths)
        tokens = chance.integers(3, VOCABULARY, (len(counts), counts.max()))
        sides += [np.where(np.arange(counts.max()) < counts[:, None], tokens, 0), counts]
    return Batch(*sides, sides[3] - 1, np.full(len(sides[0]), BOS))


def tensors(batch: Batch) -> list[torch.Tensor]:
    return [torch.from_numpy(part) for part in batch[:4]]


def test_the_eager_peer_is_our_model(doubles) -> None:
    batch = make_batch([5, 2, 7], [4, 6, 1])
    torch.manual_seed(0)
    ours = build_model(CONFIG, VOCABULARY)
    eager = EagerSeq2Seq(CONFIG, VOCABULARY)
    eager.copy_weights(ours)
    expected = batch_loss(ours, batch, torch.device("cpu")) / batch.target_lengths.sum()
    found = eager(*tensors(batch)[:3])
    torch.testing.assert_close(found, expected)
    expected.backward()
    found.backward()
    torch.testing.assert_close(eager.embedding.weight.grad, ours.embedding.weight.grad)
    torch.testing.assert_close(eager.cell.weight_hh.grad, ours.decoder.recurrent.weight.grad)
    torch.testing.assert_close(eager.key.weight.grad, ours.decoder.key.weight.grad)


def test_the_products_on_paper_are_those_that_torch_counts(doubles) -> None:
    batch = make_batch([6, 6, 6], [5, 5, 5])  # no padding, which torch would count
    eager = EagerSeq2Seq(CONFIG, VOCABULARY)
    with FlopCounterMode(display=False) as counter:
        eager(*tensors(batch)[:3])
    assert product_flops(CONFIG, VOCABULARY, [batch]) == 3 * counter.get_total_flops()


def test_one_sequence_keeps_source_and_target_together() -> None:
    batch = make_batch([3, 1], [2, 5])
    tokens, is_target = one_sequence(*tensors(batch))
    assert tokens.shape == (2, 6)
    for row in range(2):
        source, target = (
            batch.source[row, : batch.source_lengths[row]],
            batch.target[row, : batch.target_lengths[row]],
        )
        assert tokens[row, : len(source) + len(target)].tolist() == [*source, *target]
        assert tokens[row][is_target[row]].tolist() == target.tolist()


def test_the_transformer_does_not_look_ahead_and_is_as_large_as_asked() -> None:
    torch.manual_seed(0)
    model = DecoderOnlyTransformer(VOCABULARY, 64, 12, 300_000, 0.0)
    assert sum(parameter.numel() for parameter in model.parameters()) == pytest.approx(
        300_000, rel=0.1
    )
    tokens = torch.randint(3, VOCABULARY, (1, 8))
    second_only = torch.zeros(1, 8, dtype=torch.bool)
    second_only[0, 4] = True
    changed = tokens.clone()
    changed[0, 5:] = 3
    assert model(tokens, second_only) == model(changed, second_only)
    changed[0, 3] += 1 if changed[0, 3] < VOCABULARY - 1 else -1
    assert model(tokens, second_only) != model(changed, second_only)


def test_a_patch_is_applied_once_and_fails_loudly(tmp_path) -> None:
    path = tmp_path / "module.py"
    path.write_text("a = 1\nb = 2\n", encoding="utf-8")
    patch = Patch("module.py", "a = 1\n", "a = 3\n", "one is too few")
    apply(patch, tmp_path)
    apply(patch, tmp_path)
    assert path.read_text(encoding="utf-8") == "a = 3\nb = 2\n"
    path.write_text("c = 1\n", encoding="utf-8")
    with pytest.raises(SystemExit, match="one is too few"):
        apply(patch, tmp_path)


@pytest.mark.slow
def test_a_worker_that_cannot_start_says_why(monkeypatch) -> None:
    monkeypatch.setattr(
        "benchmarks.peers.worker.interpreter", lambda environment: Path(sys.executable)
    )
    worker = Worker(Path("nowhere"), "joeynmt_writer.py")
    with pytest.raises(
        RuntimeError, match=r"(?s)joeynmt_writer.py ended: .*No module named 'joeynmt'"
    ):
        worker.ask({})
    worker.close()
