"""Train a small STAtten spiking transformer on the 8x8 handwritten digits of scikit-learn.

    python train.py                 # train, evaluate the test split once, write every file of this folder
    python train.py --explore       # train and report validation figures only; the test split stays unused

Needs torch, numpy and scikit-learn.  Runs on one CPU thread with fixed seeds.

Data:     E. Alpaydin and C. Kaynak, Optical Recognition of Handwritten Digits, UCI Machine Learning
          Repository, CC BY 4.0: the 1797 pictures (8x8, values 0..16) bundled by scikit-learn.
Network:  STAtten ("Spiking Transformer with Spatial-Temporal Attention", Lee et al., CVPR 2025) on the
          stem, block and head of the Spike-driven Transformer (Yao et al., NeurIPS 2023).  Modules are
          named as in the checkpoints of those two projects.  This is an independent implementation.
Letters:  T steps, B pictures, D embedding channels, N tokens on an H x W grid, h heads of d = D/h
          channels, c = chunk_size steps that attend to each other, G = T/c chunks.
"""
import argparse
import json
import math
import pathlib
import time
from collections import OrderedDict
from functools import partial

import numpy as np
import sklearn
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn
from torch.nn import functional as F

SPLIT_SEED = 20240607          # the split never changes, whatever the training seed is
DEFAULTS = {"seed": 1, "embed_dims": 48, "num_heads": 4, "epochs": 200, "batch": 32, "lr": 4e-3, "weight_decay": 0.02,
            "noise": 0.1,                                                    # of the augmentation, normalised units
            "rate_weight": 2.0, "rate_low": 0.06, "rate_high": 0.25}         # see rate_penalty
ATTRIBUTION = ("UCI Optical Recognition of Handwritten Digits, E. Alpaydin and C. Kaynak, UCI Machine Learning "
               "Repository, CC BY 4.0; the 1797 pictures of 8x8 pixels as bundled by scikit-learn (load_digits)")


class Spike(torch.autograd.Function):
    """Forward: 1 where h - v_th >= 0, else 0.  Backward: slope of sigmoid(4 (h - v_th))."""

    @staticmethod
    def forward(ctx, distance):
        ctx.save_for_backward(distance)
        return (distance >= 0).to(distance.dtype)

    @staticmethod
    def backward(ctx, grad):
        (distance,) = ctx.saved_tensors
        s = torch.sigmoid(4.0 * distance)
        return grad * 4.0 * s * (1.0 - s)


class LIF(nn.Module):
    """[T, B, ...] currents -> [T, B, ...] spikes.  tau = 2, decaying input, hard reset to 0, v = 0 at t = 0.

    d = x - v;  h = v + d/2;  spike when h >= v_th;  v = 0 after a spike, else v = h.
    In training the reset carries no gradient.  With `trace` set, the last spikes and, per picture, the
    smallest |h - v_th| over all neurons and steps are kept in `spikes` and `margin`.
    """

    def __init__(self, v_th=1.0):
        super().__init__()
        self.v_th, self.trace = v_th, False
        self.rate = self.spikes = self.margin = None

    def forward(self, x):
        v, out, margin = torch.zeros_like(x[0]), [], []
        for t in range(x.shape[0]):
            d = x[t] - v
            h = v + 0.5 * d
            s = Spike.apply(h - self.v_th)
            v = h * (1.0 - s.detach())
            out.append(s)
            if self.trace:
                margin.append((h - self.v_th).abs().flatten(1).amin(1))
        y = torch.stack(out)
        self.rate = y.mean()
        if self.trace:
            self.spikes, self.margin = y.detach().bool(), torch.stack(margin).amin(0)
        return y


BatchNorm = partial(nn.BatchNorm2d, eps=1e-5)


def per_step(layers, x):
    """Apply stateless layers to every step: [T, B, C, H, W] -> [T, B, C', H', W']."""
    return layers(x.flatten(0, 1)).unflatten(0, x.shape[:2])


class Stem(nn.Module):
    """MS_SPS: [T, B, Cin, Hi, Wi] -> real valued stream [T, B, D, H, W].

    Four stages conv3x3 - BN - LIF with D/8, D/4, D/2, D channels.  Digit i of pooling_stat adds a 3x3,
    stride 2 max-pool to stage i: on the spikes in stages 0..2, on the real values before the neuron in
    stage 3.  That last value f also skips the closing conv3x3 - BN (rpe): the stream is rpe(LIF(f)) + f.
    """

    def __init__(self, hp):
        super().__init__()
        dim = hp["embed_dims"]
        widths = [hp["in_channels"], dim // 8, dim // 4, dim // 2, dim]
        for i, tail in enumerate(("", "1", "2", "3")):
            self.add_module("proj_conv" + tail, nn.Conv2d(widths[i], widths[i + 1], 3, padding=1, bias=False))
            self.add_module("proj_bn" + tail, BatchNorm(widths[i + 1]))
            self.add_module("proj_lif" + tail, LIF())
        self.rpe_conv = nn.Conv2d(dim, dim, 3, padding=1, bias=False)
        self.rpe_bn = BatchNorm(dim)
        self.pool = nn.MaxPool2d(3, stride=2, padding=1)
        self.pooling = [digit == "1" for digit in hp["pooling_stat"]]

    def stage(self, tail):
        part = self.get_submodule
        return nn.Sequential(part("proj_conv" + tail), part("proj_bn" + tail)), part("proj_lif" + tail)

    def forward(self, x):
        for tail, pooled in zip(("", "1", "2"), self.pooling):
            layers, lif = self.stage(tail)
            x = lif(per_step(layers, x))
            x = per_step(self.pool, x) if pooled else x
        layers, lif = self.stage("3")
        f = per_step(layers, x)
        f = per_step(self.pool, f) if self.pooling[3] else f
        return per_step(nn.Sequential(self.rpe_conv, self.rpe_bn), lif(f)) + f


class Attention(nn.Module):
    """STAtten: [T, B, D, H, W] real stream -> the same shape, stream plus attention branch.

    Inside a chunk the c*N rows (step, token) of all its steps attend to each other:
        A = (K^T V) / H        [G, B, h, d, d]    counts of coincident spikes, scaled
        O = Q A                [G, B, h, c*N, d]
    attn_lif (v_th 0.5) runs over all T steps of O; its state crosses chunk borders.
    """

    def __init__(self, hp):
        super().__init__()
        dim, self.heads, self.chunk = hp["embed_dims"], hp["num_heads"], hp["chunk_size"]
        self.shortcut_lif = LIF()
        for name in "qkv":
            self.add_module(name + "_conv", nn.Conv2d(dim, dim, 1, bias=False))
            self.add_module(name + "_bn", BatchNorm(dim))
            self.add_module(name + "_lif", LIF())
        self.attn_lif = LIF(v_th=0.5)
        # In the official checkpoints but never used by STAtten; its shape tells the number of heads.
        self.talking_heads = nn.Conv1d(self.heads, self.heads, 1, bias=False)
        self.proj_conv = nn.Conv2d(dim, dim, 1)
        self.proj_bn = BatchNorm(dim)

    def heads_of(self, name, s):
        """Spikes of q, k or v in chunks: [T, B, D, H, W] -> [G, B, h, c*N, d], n = y*W + x."""
        part = self.get_submodule
        y = part(name + "_lif")(per_step(nn.Sequential(part(name + "_conv"), part(name + "_bn")), s))
        steps, batch, dim = y.shape[:3]
        y = y.flatten(3).reshape(steps // self.chunk, self.chunk, batch, self.heads, dim // self.heads, -1)
        return y.permute(0, 2, 3, 1, 5, 4).flatten(3, 4)

    def forward(self, x):
        steps, batch, dim, height, width = x.shape
        s = self.shortcut_lif(x)
        q, k, v = (self.heads_of(name, s) for name in "qkv")
        a = (k.transpose(-2, -1) @ v) * (1.0 / height)
        o = (q @ a).unflatten(3, (self.chunk, height * width))       # [G, B, h, c, N, d]
        o = o.permute(0, 3, 1, 2, 5, 4).reshape(steps, batch, dim, height, width)
        return x + per_step(nn.Sequential(self.proj_conv, self.proj_bn), self.attn_lif(o))


class MLP(nn.Module):
    """[T, B, D, H, W] -> the same shape: x + BN(conv1x1(LIF(BN(conv1x1(LIF(x)))))), hidden ratio*D."""

    def __init__(self, hp):
        super().__init__()
        dim, hidden = hp["embed_dims"], hp["embed_dims"] * hp["mlp_ratios"]
        self.fc1_lif = LIF()
        self.fc1_conv = nn.Conv2d(dim, hidden, 1)
        self.fc1_bn = BatchNorm(hidden)
        self.fc2_lif = LIF()
        self.fc2_conv = nn.Conv2d(hidden, dim, 1)
        self.fc2_bn = BatchNorm(dim)

    def forward(self, x):
        y = per_step(nn.Sequential(self.fc1_conv, self.fc1_bn), self.fc1_lif(x))
        return x + per_step(nn.Sequential(self.fc2_conv, self.fc2_bn), self.fc2_lif(y))


class Block(nn.Module):
    def __init__(self, hp):
        super().__init__()
        self.attn = Attention(hp)
        self.mlp = MLP(hp)

    def forward(self, x):
        return self.mlp(self.attn(x))


class STAtten(nn.Module):
    """Pictures [B, Cin, Hi, Wi] -> logits [B, classes]: the picture is shown at all T steps, the head
    neuron sees the mean of the stream over the tokens, the logits are the mean over T."""

    def __init__(self, hp):
        super().__init__()
        self.steps = hp["T"]
        self.patch_embed = Stem(hp)
        self.block = nn.ModuleList(Block(hp) for _ in range(hp["depths"]))
        self.head_lif = LIF()
        self.head = nn.Linear(hp["embed_dims"], hp["num_classes"])

    def forward(self, x):
        x = self.patch_embed(x.unsqueeze(0).repeat(self.steps, 1, 1, 1, 1))
        for block in self.block:
            x = block(x)
        return self.head(self.head_lif(x.flatten(3).mean(3))).mean(0)

    def neurons(self):
        return {name: m for name, m in self.named_modules() if isinstance(m, LIF)}


def load_splits():
    """Stratified train / validation / test pixels (float64 0..16, [n, 8, 8]) and labels: 1197 / 240 / 360."""
    digits = load_digits()
    rest, test = train_test_split(np.arange(1797), test_size=360, stratify=digits.target, random_state=SPLIT_SEED)
    train, val = train_test_split(rest, test_size=240, stratify=digits.target[rest], random_state=SPLIT_SEED)
    return {name: (digits.images[i], digits.target[i].astype(np.int64))
            for name, i in (("train", train), ("validation", val), ("test", test))}


def normalise(pixels, mean, std):
    """[n, 8, 8] values 0..16 -> float32 [n, 1, 8, 8]."""
    return torch.from_numpy(((pixels / 16.0 - mean) / std).astype(np.float32)[:, None])


def augment(x, background, noise):
    """Shift every picture by -1..1 pixels in y and x (the border becomes background), add Gaussian noise."""
    n, _, height, width = x.shape
    padded = F.pad(x, (1, 1, 1, 1), value=background)
    dy, dx = torch.randint(0, 3, (2, n, 1, 1))
    rows = dy + torch.arange(height).view(1, -1, 1)
    cols = dx + torch.arange(width).view(1, 1, -1)
    x = padded[torch.arange(n).view(-1, 1, 1), 0, rows, cols].unsqueeze(1)
    return x + noise * torch.randn_like(x)


def rate_penalty(model, low, high):
    """Pulls the mean rate of every neuron layer into low..high; 0 inside."""
    rates = torch.stack([lif.rate for lif in model.neurons().values()])
    return (F.relu(rates - high) ** 2 + F.relu(low - rates) ** 2).sum()


@torch.no_grad()
def evaluate(model, x):
    """Evaluation mode -> logits [n, classes], rate per neuron layer."""
    logits = model.eval()(x)
    return logits, {name: lif.rate.item() for name, lif in model.neurons().items()}


def build(hp, state, chunk=None, attention=True):
    """The trained network, optionally with another chunk size or with attn_lif kept silent."""
    model = STAtten({**hp, "chunk_size": chunk or hp["chunk_size"]})
    model.load_state_dict(state)
    for block in model.block:
        block.attn.attn_lif.v_th = 0.5 if attention else math.inf
    return model


@torch.no_grad()
def evaluate_traced(model, x):
    """Evaluation mode -> logits, spikes per layer, and per picture the smallest |h - v_th| over all layers
    but attn_lif (whose inputs are multiples of 1/H: exact ties are normal there)."""
    for lif in model.neurons().values():
        lif.trace = True
    logits, _ = evaluate(model, x)
    spikes = {name: lif.spikes for name, lif in model.neurons().items()}
    margin = torch.stack([lif.margin for name, lif in model.neurons().items() if "attn_lif" not in name]).amin(0)
    return logits, spikes, margin


def accuracy(logits, labels):
    return (logits.argmax(1) == labels).double().mean().item()


def train(model, data, background, opt):
    """AdamW with warm-up and cosine; returns (epoch, validation accuracy, state) of the epoch with the
    highest validation accuracy, ties decided by the lower validation loss."""
    (x, y), (xv, yv) = data["train"], data["validation"]
    steps = opt.epochs * (len(x) // opt.batch)
    optimiser = torch.optim.AdamW(model.parameters(), lr=opt.lr, weight_decay=opt.weight_decay)
    warm = steps // 20
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda i: (
        (i + 1) / warm if i < warm else 0.5 + 0.5 * math.cos(math.pi * (i - warm) / (steps - warm))))
    best, start = None, time.time()
    for epoch in range(opt.epochs):
        model.train()
        order, total = torch.randperm(len(x)), 0.0
        for i in range(len(x) // opt.batch):
            rows = order[i * opt.batch:(i + 1) * opt.batch]
            logits = model(augment(x[rows], background, opt.noise))
            loss = F.cross_entropy(logits, y[rows], label_smoothing=0.05)
            loss = loss + opt.rate_weight * rate_penalty(model, opt.rate_low, opt.rate_high)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            total += loss.item()
        logits, _ = evaluate(model, xv)
        score = (accuracy(logits, yv), -F.cross_entropy(logits, yv).item())
        if best is None or score > best[0]:
            best = score, epoch, OrderedDict((k, t.clone()) for k, t in model.state_dict().items())
        if epoch % 10 == 9 or epoch == 0:
            print(f"epoch {epoch + 1:3d}  loss {total / (i + 1):.4f}  validation accuracy {score[0]:.4f} "
                  f"loss {-score[1]:.4f}  {time.time() - start:.0f} s", flush=True)
    return best[1], best[0][0], best[2]


def report_validation(hp, state, x, y):
    """Print rates per layer and what chunk and attention do to the validation split."""
    logits, rates = evaluate(build(hp, state), x)
    for name, rate in rates.items():
        print(f"  rate {name:28s} {rate:.4f}")
    print(f"validation accuracy, chunk {hp['chunk_size']}: {accuracy(logits, y):.4f}")
    found = {}
    for what, options in (("chunk 1", {"chunk": 1}), ("silent attn_lif", {"attention": False})):
        other, _ = evaluate(build(hp, state, **options), x)
        changed = int((logits.argmax(1) != other.argmax(1)).sum())
        gap = (logits - other).abs().mean().item()
        found[what] = {"accuracy": accuracy(other, y), "predictions_changed": changed,
                       "mean_abs_logit_difference": round(gap, 4)}
        print(f"validation accuracy, {what}: {accuracy(other, y):.4f}  ({changed} of {len(y)} predictions change, "
              f"mean |logit difference| {gap:.3f})")
    return rates, found


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--explore", action="store_true", help="validation only: no test evaluation, no files")
    for name, value in DEFAULTS.items():
        p.add_argument("--" + name.replace("_", "-"), type=type(value), default=value)
    opt = p.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(opt.seed)
    torch.use_deterministic_algorithms(True)

    hp = {"img_size_h": 8, "img_size_w": 8, "patch_size": 4, "in_channels": 1, "num_classes": 10,
          "embed_dims": opt.embed_dims, "num_heads": opt.num_heads, "mlp_ratios": 4, "qkv_bias": False, "depths": 1,
          "sr_ratios": 1, "T": 4, "chunk_size": 2, "pooling_stat": "0001", "spike_mode": "lif", "dvs_mode": False,
          "TET": False, "attention_mode": "STAtten"}
    splits = load_splits()
    scaled = splits["train"][0] / 16.0                       # normalisation comes from the training split alone
    mean, std = round(float(scaled.mean()), 6), round(float(scaled.std()), 6)
    data = {name: (normalise(px, mean, std), torch.from_numpy(y)) for name, (px, y) in splits.items()}
    print("split", {name: len(y) for name, (_, y) in data.items()}, "mean", mean, "std", std)

    model = STAtten(hp)
    print("parameters", sum(t.numel() for t in model.parameters()))
    epoch, val_accuracy, state = train(model, data, float((0.0 - mean) / std), opt)
    print(f"chosen epoch {epoch + 1}")
    rates, variants = report_validation(hp, state, *data["validation"])
    if opt.explore:
        return

    # The one evaluation of the test split.
    x, y = data["test"]
    logits, spikes, margin = evaluate_traced(build(hp, state), x)
    predicted = logits.argmax(1)
    logits64, spikes64, _ = evaluate_traced(build(hp, state).double(), x.double())
    same = torch.stack([(spikes[n] == spikes64[n]).transpose(0, 1).flatten(1).all(1) for n in spikes]).all(0)
    near, equal = int((margin < 1e-5).sum()), int((predicted == logits64.argmax(1)).sum())
    print(f"test accuracy: {accuracy(logits, y):.4f}  ({int((predicted == y).sum())} of {len(y)})")
    print(f"test pictures with a margin |h - v_th| below 1e-5: {near} of {len(y)}; smallest {margin.min().item():.2e}")
    print(f"test predictions equal in float64: {equal} of {len(y)}; all spikes equal: {int(same.sum())} of {len(y)}")
    top = logits.sort(1).values
    print(f"smallest gap between the two highest logits: {(top[:, -1] - top[:, -2]).min().item():.2e}")

    out = pathlib.Path(__file__).resolve().parent
    absent = ("patch_size", "qkv_bias", "sr_ratios")
    torch.save({"epoch": epoch, "arch": "sdt", "state_dict": state, "version": 2, "metric": 100.0 * val_accuracy,
                "args": argparse.Namespace(**{n: hp[n] for n in hp if n not in absent})}, out / "model.pth")
    for name, t in (("images", x), ("labels", y.byte()), ("predicted", predicted.byte()), ("logits", logits)):
        np.save(out / f"test-{name}.npy", np.ascontiguousarray(t.numpy()))
    config = {
        "arch": "statten", "hyperparameters": hp,
        "input": {"layout": "B,C,H,W", "mean": [mean], "std": [std], "divisor": 16}, "data": ATTRIBUTION,
        "accuracy": {"validation": val_accuracy, "test": accuracy(logits, y)},
        "training": {
            **{n: getattr(opt, n) for n in DEFAULTS if n not in hp}, "split_seed": SPLIT_SEED,
            "chosen_epoch": epoch + 1, "split": {name: len(t) for name, (_, t) in data.items()},
            "versions": {m.__name__: str(m.__version__) for m in (torch, np, sklearn)}},
        "validation_rates": {n: round(r, 4) for n, r in rates.items()}, "validation_variants": variants,
        "test_exactness": {"pictures_with_margin_below_1e-5": near, "predictions_same_in_float64": equal,
                           "pictures_with_all_spikes_same_in_float64": int(same.sum())}}
    (out / "config.json").write_text(json.dumps(config, indent=1) + "\n")


if __name__ == "__main__":
    main()
