import os
from pathlib import Path

import pytest
import torch

from novelgen.errors import ConfigError
from novelgen.models.kernels import onednn
from novelgen.training import hardware
from novelgen.training.hardware import (
    choose_device,
    choose_precision,
    limit_onednn_cache,
    supports_bfloat16,
    tune_malloc,
)

CPU_INFO = Path("/proc/cpuinfo")


def test_cuda_is_refused_with_the_remedy_where_there_is_none(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ConfigError, match="--device cpu"):
        choose_device("cuda")
    assert choose_device("auto").type == choose_device("cpu").type == "cpu"


def test_auto_takes_cuda_where_there_is_one(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert choose_device("auto").type == "cuda"
    assert choose_device("cpu").type == "cpu"


@pytest.mark.parametrize(
    ("units", "allowed", "expected"),
    [
        (True, True, torch.bfloat16),
        (False, True, torch.float32),
        (True, False, torch.float32),
    ],
)
def test_auto_precision_follows_the_processor_and_what_onednn_may_use(
    monkeypatch, units, allowed, expected
):
    monkeypatch.setattr(hardware, "has_bfloat16_units", lambda: units)
    monkeypatch.setattr(onednn, "multiplies_bfloat16", lambda: allowed)
    assert choose_precision("auto", torch.device("cpu")) == expected
    assert choose_precision("float32", torch.device("cpu")) == torch.float32


@pytest.mark.skipif(not CPU_INFO.exists(), reason="no /proc/cpuinfo")
def test_bfloat16_units_are_those_that_the_system_reports():
    flags = set(CPU_INFO.read_text(encoding="utf-8").split())
    assert hardware.has_bfloat16_units() == bool(flags & {"amx_tile", "avx512_bf16"})


def test_bfloat16_is_refused_with_the_remedy_where_it_cannot_be_multiplied(monkeypatch):
    monkeypatch.setattr(onednn, "multiplies_bfloat16", lambda: False)
    with pytest.raises(ConfigError, match="--precision float32"):
        choose_precision("bfloat16", torch.device("cpu"))
    assert not supports_bfloat16(torch.device("cpu"))


def test_bfloat16_is_taken_where_it_can_be_multiplied(monkeypatch):
    monkeypatch.setattr(onednn, "multiplies_bfloat16", lambda: True)
    assert choose_precision("bfloat16", torch.device("cpu")) == torch.bfloat16


def test_bfloat16_products_run_where_they_are_promised():
    if not supports_bfloat16(torch.device("cpu")):
        pytest.skip("oneDNN has no bfloat16 products on this CPU")
    layer = torch.nn.Linear(64, 64)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        output = layer(torch.ones(64, 64))
    output.float().sum().backward()
    assert output.dtype == torch.bfloat16


def test_tuning_malloc_changes_no_result():
    before = torch.arange(1 << 20, dtype=torch.float32).sum()
    tune_malloc()
    assert torch.arange(1 << 20, dtype=torch.float32).sum() == before


def test_the_environment_overrides_the_limit_of_onednns_cache(monkeypatch):
    monkeypatch.setenv("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "")
    monkeypatch.delenv("ONEDNN_PRIMITIVE_CACHE_CAPACITY")
    limit_onednn_cache()
    assert int(os.environ["ONEDNN_PRIMITIVE_CACHE_CAPACITY"]) < 1024
    monkeypatch.setenv("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "7")
    limit_onednn_cache()
    assert os.environ["ONEDNN_PRIMITIVE_CACHE_CAPACITY"] == "7"
