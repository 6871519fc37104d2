"""Numbers in compiled code, and the directory in which machine code is kept."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

pytest.importorskip("numba")

import numba

import novelgen
from novelgen.models.kernels import math_numba
from novelgen.models.kernels.math_numba import clamp, exp, narrow, sigmoid, tanh, widen
from novelgen.models.kernels.packed import numpy_view

PACKAGE = Path(novelgen.__file__).parent


@numba.njit
def narrowed(values, out):
    for place in range(len(values)):
        out[place] = narrow(values[place], out)


@numba.njit
def widened(values, out):
    for place in range(len(values)):
        out[place] = widen(values[place])


@numba.njit
def exponentials(values, out):
    for place in range(len(values)):
        out[place] = exp(values[place])


def test_bfloat16_is_rounded_as_pytorch_rounds():
    step = 2.0**-7  # between two numbers of bfloat16 from 1 on
    # Halfway to an even neighbour and to an odd one, a little to either side, and some others.
    values = [1 + step / 2, 1 + 3 * step / 2, 1 + 0.51 * step, 1 + 0.49 * step, -3.3, 1e-20, 0.0]
    tensor = torch.tensor(values, dtype=torch.float32)
    out = torch.empty(len(values), dtype=torch.bfloat16)
    narrowed(tensor.numpy(), numpy_view(out))
    assert out.tolist() == tensor.to(torch.bfloat16).tolist()


def test_float32_stays_what_it_is():
    values = np.array([0.1, -2.5], dtype=np.float32)
    out = np.zeros_like(values)
    narrowed(values, out)
    assert out.tolist() == values.tolist()


def test_bfloat16_is_widened_without_loss():
    tensor = torch.tensor([1.0, -3.296875, 2.0**-66, 0.0, 3e38], dtype=torch.bfloat16)
    out = np.zeros(len(tensor), dtype=np.float32)
    widened(numpy_view(tensor), out)
    assert out.tolist() == tensor.float().tolist()


def test_exp_is_off_by_less_than_two_to_the_minus_22():
    values = np.linspace(-86, 86, 100_003, dtype=np.float32)
    found = np.empty_like(values)
    exponentials(values, found)
    truth = np.exp(values.astype(np.float64))
    assert np.max(np.abs(found / truth - 1)) < 2.0**-22


def test_exp_of_a_float64_is_exact():
    values = np.linspace(-600, 600, 1001)
    found = np.empty_like(values)
    exponentials(values, found)
    np.testing.assert_allclose(found, np.exp(values), rtol=1e-13)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_exp_is_finite_everywhere_and_nan_stays_nan(dtype):
    values = np.array([-np.inf, -1e30, -800, 800, 1e30, np.inf, np.nan], dtype=dtype)
    found = np.empty_like(values)
    exponentials(values, found)
    assert np.isfinite(found[:-1]).all()
    assert np.isnan(found[-1])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sigmoid_and_tanh_at_the_ends_of_the_range(dtype):
    for number in (-np.inf, -1e30, -88, -1.5, -1e-9, 0, 1e-9, 1.5, 88, 1e30, np.inf):
        value = dtype(number)
        with np.errstate(over="ignore"):
            assert sigmoid(value) == pytest.approx(1 / (1 + np.exp(-value)), abs=1e-7)
        assert tanh(value) == pytest.approx(np.tanh(value), abs=2e-7)
    assert np.isnan(sigmoid(dtype(np.nan)))
    assert np.isnan(tanh(dtype(np.nan)))


def test_clamping_keeps_what_is_no_number():
    assert clamp(3.0, 2.0) == 2.0
    assert clamp(-3.0, 2.0) == -2.0
    assert clamp(1.5, 2.0) == 1.5
    assert np.isnan(clamp(np.nan, 2.0))


KERNELS = PACKAGE / "models" / "kernels"


@pytest.fixture
def copied(tmp_path, monkeypatch):
    """A copy of the kernels' sources, whose cache directory is asked for."""
    copy = tmp_path / "kernels"
    shutil.copytree(KERNELS, copy, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(math_numba, "__file__", str(copy / "math_numba.py"))
    return copy


@pytest.mark.parametrize(
    "name", [path.relative_to(KERNELS).as_posix() for path in sorted(KERNELS.rglob("*.py"))]
)
def test_a_change_of_any_file_gives_another_directory(copied, name):
    before = math_numba.cache_directory()
    assert math_numba.cache_directory() == before
    path = copied / name
    path.write_text(path.read_text(encoding="utf-8") + "\n", encoding="utf-8")
    assert math_numba.cache_directory() != before


def test_files_that_come_go_or_get_another_name_give_another_directory(copied):
    found = [math_numba.cache_directory()]
    (copied / "another.py").touch()
    found.append(math_numba.cache_directory())
    (copied / "another.py").rename(copied / "one_more.py")
    found.append(math_numba.cache_directory())
    (copied / "steps.py").unlink()
    found.append(math_numba.cache_directory())
    assert len(set(found)) == 4


def test_the_directory_is_where_the_user_keeps_caches(monkeypatch, tmp_path):
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert math_numba.cache_directory().parent == tmp_path / "xdg" / "novelgen"
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "numba"))
    assert math_numba.cache_directory().parent == tmp_path / "numba" / "novelgen"
    monkeypatch.delenv("NUMBA_CACHE_DIR")
    monkeypatch.delenv("XDG_CACHE_HOME")
    home = str(Path.home())
    assert str(math_numba.cache_directory().expanduser()).startswith(home)


# A function of one file that calls one of another; an LSTM step would take longer to compile.
_CALLER = """
from novelgen.models.kernels.math_numba import compiled, tanh

@compiled
def twice(value):
    return tanh(value) + tanh(value)
"""


def run(folder, code, **environment):
    """What Python prints with the package in a folder."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"} | environment,
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture
def project(tmp_path):
    """A folder with a copy of the package's kernels, and one more compiled function there."""
    folder = tmp_path / "project"
    ignored = shutil.ignore_patterns("__pycache__", "web", "text", "locale", "report")
    shutil.copytree(PACKAGE, folder / "novelgen", ignore=ignored)
    caller = folder / "novelgen" / "models" / "kernels" / "caller.py"
    caller.write_text(_CALLER, encoding="utf-8")
    return folder


_CALL = (
    "from novelgen.models.kernels.caller import twice\n"
    "print(twice(0.5), sum(twice.stats.cache_hits.values()))"
)


def change_tanh(project):
    path = project / "novelgen" / "models" / "kernels" / "math_numba.py"
    code = path.read_text(encoding="utf-8")
    right = "return one - (one + one) / (one + exp(value + value))"
    assert right in code
    path.write_text(code.replace(right, "return one + one + one"), encoding="utf-8")


def test_machine_code_is_read_again_and_never_stale(project, tmp_path):
    cache = {"NUMBA_CACHE_DIR": str(tmp_path / "cache")}
    value, hits = run(project, _CALL, **cache).split()
    assert float(value) == pytest.approx(2 * np.tanh(0.5))
    assert hits == "0"
    assert run(project, _CALL, **cache) == f"{value} 1"
    # The function that is called lies in another file than the one that calls it.
    change_tanh(project)
    assert run(project, _CALL, **cache) == "6.0 0"


def test_a_directory_that_cannot_be_written_is_no_error_and_nothing_is_stale(project, tmp_path):
    (tmp_path / "file").touch()
    cache = {"NUMBA_CACHE_DIR": str(tmp_path / "file" / "cache")}
    for _ in range(2):
        value, hits = run(project, _CALL, **cache).split()
        assert float(value) == pytest.approx(2 * np.tanh(0.5))
        assert hits == "0"
    change_tanh(project)
    assert run(project, _CALL, **cache) == "6.0 0"


def test_a_user_without_a_home_directory_has_no_error(project):
    code = (
        "import os, pathlib\n"
        "for name in ('NUMBA_CACHE_DIR', 'XDG_CACHE_HOME'): os.environ.pop(name, None)\n"
        "def none(self): raise RuntimeError('Could not determine home directory.')\n"
        "pathlib.Path.expanduser = none\n" + _CALL
    )
    value, hits = run(project, code).split()
    assert float(value) == pytest.approx(2 * np.tanh(0.5))
    assert hits == "0"
