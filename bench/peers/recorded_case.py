"""Reads the folders that the peers share: a network, its input and, in a recorded case, the spikes of the official code."""

import argparse
import json
import struct
from pathlib import Path

import numpy
import torch

LOGIT_TOLERANCE = 1e-5
"""Largest difference from recorded logits that another order of float32 sums may cause (README of the recorded cases)."""


def read_config(folder: Path) -> dict:
    """The hyperparameters of a folder, by the names of the official constructor."""
    return json.loads((folder / "config.json").read_text())["hyperparameters"]


def read_tensors(folder: Path) -> dict[str, torch.Tensor]:
    """The tensors of `model.safetensors` or `model.pth`, by the names of the official code."""
    safe = folder / "model.safetensors"
    return _read_safetensors(safe) if safe.exists() else _read_checkpoint(folder / "model.pth")


def read_input(folder: Path) -> torch.Tensor:
    """Normalised pictures, float32 [B, C, H, W]."""
    return torch.from_numpy(numpy.load(folder / "input.npy"))


def _read_safetensors(path: Path) -> dict[str, torch.Tensor]:
    data = path.read_bytes()
    (length,) = struct.unpack_from("<Q", data)
    header = json.loads(data[8 : 8 + length])
    header.pop("__metadata__", None)
    tensors = {}
    for name, record in header.items():
        if record["dtype"] != "F32":
            continue  # counters of training, such as num_batches_tracked
        start, end = record["data_offsets"]
        values = numpy.frombuffer(data, "<f4", (end - start) // 4, 8 + length + start)
        tensors[name] = torch.from_numpy(values.reshape(record["shape"]).copy())
    return tensors


def _read_checkpoint(path: Path) -> dict[str, torch.Tensor]:
    torch.serialization.add_safe_globals([argparse.Namespace])
    loaded = torch.load(path, map_location="cpu", weights_only=True)
    for container in ("state_dict", "model"):
        loaded = loaded.get(container, loaded)
    return {name.removeprefix("module."): tensor for name, tensor in loaded.items()}


def faults_against_recording(folder: Path, spikes: dict[str, torch.Tensor], logits: torch.Tensor) -> list[str]:
    """
    What differs from the recording of a case, one line per fault. `spikes`: 0/1 by layer, shaped [T, B, ...] in the order of
    `layers.json`; `logits`: [B, classes].
    """
    recorded = json.loads((folder / "layers.json").read_text())
    expected = numpy.load(folder / "expect.npz")
    names = recorded["order_of_execution"]
    faults = [f"no counterpart for layer {name}" for name in sorted(set(names) ^ set(spikes))]
    for name in names:
        shape = recorded["layers"][name]["shape"]
        wanted = numpy.unpackbits(expected[name], count=int(numpy.prod(shape)))
        got = spikes[name].numpy().astype(numpy.uint8) if name in spikes else None
        if got is None or list(got.shape) != shape:
            faults.append(f"{name}: shape {None if got is None else got.shape}, recorded {shape}")
            continue
        wrong = int((got.reshape(-1) != wanted).sum())
        if wrong > 0:
            faults.append(f"{name}: {wrong} of {wanted.size} spikes differ")
    off = float((logits - torch.from_numpy(expected["logits"])).abs().max())
    if not off <= LOGIT_TOLERANCE:
        faults.append(f"logits are off by {off}")
    return faults
