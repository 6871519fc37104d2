import pytest
import torch

from novelgen.models.dropout import VariationalDropout


def test_dropout_keeps_one_mask_along_time_and_the_mean():
    torch.manual_seed(0)
    dropout = VariationalDropout(0.25)
    dropped = dropout(torch.ones(200, 7, 50))
    assert torch.equal(dropped, dropped[:, :1].expand_as(dropped))
    assert dropped.unique().tolist() == [0.0, pytest.approx(1 / 0.75)]
    assert dropped.mean() == pytest.approx(1.0, abs=0.02)
    dropout.eval()
    assert torch.equal(dropout(torch.ones(2, 3, 4)), torch.ones(2, 3, 4))
