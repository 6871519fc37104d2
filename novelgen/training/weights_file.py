"""Weights as a file of safetensors that has their checksum."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping

import torch
from safetensors.torch import load, save
from torch import Tensor

from novelgen.i18n import _

# The entry of model.safetensors with the checksum of its tensors.
_DIGEST = "blake2b"


def to_bytes(weights: Mapping[str, Tensor]) -> bytes:
    """The content of the file, in the types that the weights have."""
    # safetensors refuses views of a shared storage, and does not copy from a GPU.
    on_host = {name: tensor.detach().cpu().contiguous() for name, tensor in weights.items()}
    return save(on_host, {_DIGEST: _digest(on_host)})


def from_bytes(data: bytes) -> dict[str, Tensor]:
    """The weights, on the CPU. Raises ValueError where their checksum is another one."""
    weights = load(data)
    # Files of earlier versions have none.
    digest = _metadata(data).get(_DIGEST)
    if digest is not None and digest != _digest(weights):
        raise ValueError(_("its checksum is another one"))
    return weights


def _digest(weights: Mapping[str, Tensor]) -> str:
    """A checksum over the names, types, shapes and bytes of all tensors."""
    digest = hashlib.blake2b(digest_size=20)
    for name, tensor in sorted(weights.items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _metadata(data: bytes) -> dict[str, str]:
    """What a file of safetensors says of itself: its header is JSON after the header's length."""
    length = int.from_bytes(data[:8], "little")
    metadata: dict[str, str] = json.loads(data[8 : 8 + length]).get("__metadata__", {})
    return metadata
