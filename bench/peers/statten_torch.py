"""
STAtten and the spike-driven transformer (SDT) in plain PyTorch on the processor, in two modes:

  official  the operations in the order and layout of the official code: the picture repeated T times, T and B merged through
            convolution and batch norm, batch norm an operation of its own, neurons a loop over T;
  folded    batch norm folded into the weights, channels last, and the first convolution computed once for the T equal pictures.

  python statten_torch.py --mode official --check CASE... [--time FOLDER] [--threads N] [--runs N]

CASE is a folder with a recording of the official code; all its spikes and logits must come out, or nothing is timed. FOLDER is a
network of `network.ts`. Prints one line of JSON; needs torch and numpy.
"""

import argparse
import json
import resource
import statistics
import sys
import time
from pathlib import Path
from typing import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from recorded_case import faults_against_recording, read_config, read_input, read_tensors

BATCH_NORM_EPSILON = 1e-5
THRESHOLD = 1.0
ATTENTION_THRESHOLD = 0.5


def pool(x: Tensor) -> Tensor:
    """Max-pooling 3x3, stride 2, of [T, B, C, H, W]."""
    return F.max_pool2d(x.flatten(0, 1), 3, 2, 1).unflatten(0, x.shape[:2])


class Transformer:
    """
    The graph, written once; what differs between the modes is in `current_of_picture`, `weighted` and `neurons`.

    Tensors are float32, spikes 0 or 1; maps are [T, B, C, H, W].
    """

    def __init__(self, tensors: dict[str, Tensor], config: dict):
        known = {"dvs_mode": False, "TET": False, "spike_mode": "lif"}
        unknown = [f"{name} = {config[name]}" for name, value in known.items() if config[name] != value]
        if config["mlp_ratios"] == 1:
            unknown.append("mlp_ratios = 1, which adds a residual inside the MLP")
        if unknown:
            raise SystemExit(f"not among the networks that this file knows: {', '.join(unknown)}")
        self.tensors = tensors
        self.timesteps: int = config["T"]
        self.chunk: int = config["chunk_size"]
        self.pooling: str = config["pooling_stat"]
        self.depth: int = config["depths"]
        self.heads: int = config["num_heads"]
        self.attention_mode: str = config["attention_mode"]
        self.on_spikes: Callable[[str, Tensor], None] | None = None

    def current_of_picture(self, conv: str, norm: str, picture: Tensor) -> Tensor:
        """Input currents of the first neurons, [T, B, C, H, W], of a picture [B, C, H, W] that is shown at every timestep."""
        raise NotImplementedError

    def weighted(self, conv: str, norm: str, x: Tensor) -> Tensor:
        """Convolution, with its bias if it has one, and batch norm."""
        raise NotImplementedError

    def neurons(self, x: Tensor, threshold: float) -> Tensor:
        """
        Leaky integrate-and-fire over dimension 0, from potential 0: h = v + (x - v) / 2, a spike where h >= threshold, then v = 0,
        else v = h.
        """
        raise NotImplementedError

    def spikes(self, layer: str, x: Tensor, threshold: float = THRESHOLD) -> Tensor:
        fired = self.neurons(x, threshold)
        if self.on_spikes is not None:
            self.on_spikes(layer, fired)
        return fired

    def stem(self, picture: Tensor) -> Tensor:
        """Four stages; the last pools real currents, which stay in the residual stream, the others pool spikes."""
        x = picture
        for stage, pooled in enumerate(self.pooling):
            suffix = str(stage) if stage > 0 else ""
            names = f"patch_embed.proj_conv{suffix}", f"patch_embed.proj_bn{suffix}"
            x = self.weighted(*names, x) if stage > 0 else self.current_of_picture(*names, x)
            if stage == 3:
                x = stream = pool(x) if pooled == "1" else x
            x = self.spikes(f"patch_embed.proj_lif{suffix}", x)
            if stage < 3 and pooled == "1":
                x = pool(x)
        return self.weighted("patch_embed.rpe_conv", "patch_embed.rpe_bn", x) + stream

    def statten(self, q: Tensor, k: Tensor, v: Tensor, side: int) -> Tensor:
        """Q (K^T V / side) over the tokens of all timesteps of a chunk; operands and result are [T, B, heads, N, d]."""

        def chunked(x: Tensor) -> Tensor:
            # [G, c, B, heads, N, d] -> [G, B, heads, c, N, d] -> [G, B, heads, c * N, d]
            return x.unflatten(0, (-1, self.chunk)).permute(0, 2, 3, 1, 4, 5).flatten(3, 4)

        tokens = q.shape[3]
        q, k, v = chunked(q), chunked(k), chunked(v)
        out = q @ ((k.transpose(-2, -1) @ v) * (1 / side))
        return out.unflatten(3, (self.chunk, tokens)).permute(0, 3, 1, 2, 4, 5).flatten(0, 1)

    def attention(self, prefix: str, x: Tensor) -> Tensor:
        size = x.shape[3:]
        x = self.spikes(f"{prefix}.shortcut_lif", x)

        def by_head(name: str) -> Tensor:
            fired = self.spikes(f"{prefix}.{name}_lif", self.weighted(f"{prefix}.{name}_conv", f"{prefix}.{name}_bn", x))
            # [T, B, C, H, W] -> [T, B, heads, d, N] -> [T, B, heads, N, d]
            return fired.flatten(3).unflatten(2, (self.heads, -1)).transpose(-1, -2).contiguous()

        def by_channel(x: Tensor) -> Tensor:
            return x.transpose(-1, -2).flatten(2, 3)

        q, k, v = by_head("q"), by_head("k"), by_head("v")
        if self.attention_mode == "STAtten":
            weighed = by_channel(self.statten(q, k, v, size[0]))
            out = self.spikes(f"{prefix}.attn_lif", weighed, ATTENTION_THRESHOLD)
        else:
            seen = (k * v).sum(-2, keepdim=True)
            out = by_channel(q * self.spikes(f"{prefix}.talking_heads_lif", seen, ATTENTION_THRESHOLD))
        return self.weighted(f"{prefix}.proj_conv", f"{prefix}.proj_bn", out.unflatten(3, size))

    def mlp(self, prefix: str, x: Tensor) -> Tensor:
        for name in ("fc1", "fc2"):
            x = self.weighted(f"{prefix}.{name}_conv", f"{prefix}.{name}_bn", self.spikes(f"{prefix}.{name}_lif", x))
        return x

    def __call__(self, picture: Tensor) -> Tensor:
        """Logits [B, classes] of normalised pictures [B, C, H, W]."""
        stream = self.stem(picture)
        for block in range(self.depth):
            stream = stream + self.attention(f"block.{block}.attn", stream)
            stream = stream + self.mlp(f"block.{block}.mlp", stream)
        fired = self.spikes("head_lif", stream.flatten(3).mean(3))
        return F.linear(fired, self.tensors["head.weight"], self.tensors["head.bias"]).mean(0)


class Official(Transformer):
    """Operations and layout of the official code."""

    def current_of_picture(self, conv: str, norm: str, picture: Tensor) -> Tensor:
        return self.weighted(conv, norm, picture.unsqueeze(0).repeat(self.timesteps, 1, 1, 1, 1))

    def weighted(self, conv: str, norm: str, x: Tensor) -> Tensor:
        weight = self.tensors[f"{conv}.weight"]
        sums = F.conv2d(x.flatten(0, 1), weight, self.tensors.get(f"{conv}.bias"), padding=weight.shape[-1] // 2)
        mean, variance, gain, shift = (
            self.tensors[f"{norm}.{part}"] for part in ("running_mean", "running_var", "weight", "bias")
        )
        normed = F.batch_norm(sums, mean, variance, gain, shift, training=False, eps=BATCH_NORM_EPSILON)
        return normed.unflatten(0, x.shape[:2])

    def neurons(self, x: Tensor, threshold: float) -> Tensor:
        v = torch.zeros_like(x[0])
        fired = []
        for current in x:
            h = v + (current - v) / 2
            spike = (h - threshold >= 0).to(x.dtype)
            v = (1 - spike) * h
            fired.append(spike)
        return torch.stack(fired)


class Folded(Transformer):
    """The same network as one would write it for inference on a processor."""

    def __init__(self, tensors: dict[str, Tensor], config: dict):
        super().__init__(tensors, config)
        self.folded: dict[str, tuple[Tensor, Tensor]] = {}

    def fold(self, conv: str, norm: str) -> tuple[Tensor, Tensor]:
        """Weights and bias of a convolution with its batch norm in them, computed in float64, made at the first call."""
        if conv not in self.folded:

            def part(name: str) -> Tensor:
                return self.tensors[name].double()

            gain = part(f"{norm}.weight") / (part(f"{norm}.running_var") + BATCH_NORM_EPSILON).sqrt()
            weight = part(f"{conv}.weight") * gain[:, None, None, None]
            bias = part(f"{conv}.bias") if f"{conv}.bias" in self.tensors else torch.zeros_like(gain)
            bias = (bias - part(f"{norm}.running_mean")) * gain + part(f"{norm}.bias")
            self.folded[conv] = weight.float().contiguous(memory_format=torch.channels_last), bias.float()
        return self.folded[conv]

    def current_of_picture(self, conv: str, norm: str, picture: Tensor) -> Tensor:
        once = self.weighted(conv, norm, picture.contiguous(memory_format=torch.channels_last).unsqueeze(0))
        return once.expand(self.timesteps, *once.shape[1:])

    def weighted(self, conv: str, norm: str, x: Tensor) -> Tensor:
        weight, bias = self.fold(conv, norm)
        return F.conv2d(x.flatten(0, 1), weight, bias, padding=weight.shape[-1] // 2).unflatten(0, x.shape[:2])

    def neurons(self, x: Tensor, threshold: float) -> Tensor:
        # Every timestep keeps the layout of its current, so that channels stay last.
        fired = torch.empty_strided(x.shape, (x[0].numel(), *x[0].stride()))
        v = torch.zeros_like(x[0])
        for current, spike in zip(x, fired):
            v.add_(current - v, alpha=0.5)
            spike.copy_(v >= threshold)
            v.mul_(v < threshold)
        return fired


MODES: dict[str, type[Transformer]] = {"official": Official, "folded": Folded}


def load(mode: str, folder: Path) -> tuple[Transformer, Tensor]:
    return MODES[mode](read_tensors(folder), read_config(folder)), read_input(folder)


def check(mode: str, case: Path) -> None:
    """Stops unless all recorded spikes and logits of a case come out."""
    network, pictures = load(mode, case)
    spikes: dict[str, Tensor] = {}
    network.on_spikes = spikes.__setitem__
    logits = network(pictures)
    faults = faults_against_recording(case, spikes, logits)
    if faults:
        raise SystemExit("\n".join([f"{mode} does not reproduce {case.name}:", *faults]))


def measure(mode: str, folder: Path, runs: int) -> dict:
    """Median time of one picture, after a first run that counts spikes and makes folded weights."""
    network, pictures = load(mode, folder)
    picture = pictures[:1]
    counts: list[int] = []
    network.on_spikes = lambda _, fired: counts.append(int(fired.sum(dtype=torch.float64)))
    logits = network(picture)
    network.on_spikes = None
    wall, processor = [], []
    for _ in range(runs):
        start = time.perf_counter(), time.process_time()
        network(picture)
        wall.append(time.perf_counter() - start[0])
        processor.append(time.process_time() - start[1])
    # Linux counts in KiB, macOS in bytes.
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 << 20 if sys.platform == "darwin" else 1 << 10)
    return {
        "seconds": statistics.median(wall),
        "bestSeconds": min(wall),
        "processorSeconds": statistics.median(processor),
        "runs": runs,
        "spikes": sum(counts),
        "predicted": int(logits[0].argmax()),
        "peakMB": round(peak),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mode", choices=MODES, required=True)
    parser.add_argument("--check", type=Path, nargs="+", required=True, metavar="CASE")
    parser.add_argument("--time", type=Path, metavar="FOLDER")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    with torch.inference_mode():
        for case in options.check:
            check(options.mode, case)
        measured = measure(options.mode, options.time, options.runs) if options.time else {}
    result = {
        "peer": f"PyTorch {torch.__version__}, {options.mode}",
        "threads": options.threads,
        "checked": [case.name for case in options.check],
        **measured,
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
