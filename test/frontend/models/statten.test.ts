import { describe, expect, it } from "vitest";
import { Report } from "../../../src/diagnostics/index.js";
import { findModel } from "../../../src/frontend/import-model.js";
import { resolveSettings } from "../../../src/frontend/models/index.js";
import type { Checkpoint } from "../../../src/frontend/formats/index.js";
import { evaluate, flatten } from "../../../src/ir/index.js";
import type { Tensor } from "../../../src/math/tensor.js";
import { argmax } from "../../../src/math/tensor.js";
import { netInputs } from "../../../src/validate/replay.js";
import { digitsArray, digitsCheckpoint, digitsModel, folded } from "../../support/digits.js";

const PICTURES = 24;

function build(checkpoint: Checkpoint, overrides: Readonly<Record<string, string>> = {}): Report {
  const report = new Report();
  const model = findModel("statten", report);
  const sources = { overrides: new Map(Object.entries(overrides)), config: new Map() };
  const settings = model === undefined ? undefined : resolveSettings(model.settings, checkpoint, sources, report);
  if (model !== undefined && settings !== undefined) model.build(checkpoint, "model.pth", settings, report);
  return report;
}

function edited(edit: (tensors: Map<string, Tensor>) => void): Checkpoint {
  const checkpoint = digitsCheckpoint();
  const tensors = new Map(checkpoint.tensors);
  edit(tensors);
  return { ...checkpoint, tensors };
}

const codes = (report: Report): string[] => report.diagnostics.map((d) => d.code);

describe("a trained STAtten checkpoint", () => {
  it("gives PyTorch's logits, imported and folded", () => {
    const images = digitsArray("test-images.npy");
    const logits = digitsArray("test-logits.npy");
    const { net } = digitsModel();
    for (const candidate of [net, folded(net)]) {
      for (let i = 0; i < PICTURES; i++) {
        const got = flatten(evaluate(candidate, netInputs(candidate, images, i)).outputs.get("logits") ?? []);
        got.forEach((value, c) => expect(Math.abs(value - logits.data[i * 10 + c]!)).toBeLessThan(1e-5));
      }
    }
  });

  it("gives PyTorch's predictions", () => {
    const images = digitsArray("test-images.npy");
    const predicted = digitsArray("test-predicted.npy");
    const { net } = digitsModel();
    const got = Array.from({ length: PICTURES }, (_, i) =>
      argmax(flatten(evaluate(net, netInputs(net, images, i)).outputs.get("logits") ?? [])),
    );
    expect(got).toEqual(Array.from(predicted.data.slice(0, PICTURES)));
  });

  it("is another network with another chunk", () => {
    const images = digitsArray("test-images.npy");
    const logits = [1, 2, 4].map((chunk) => {
      const { net } = digitsModel({ chunk: String(chunk) });
      return [...flatten(evaluate(net, netInputs(net, images, 0)).outputs.get("logits") ?? [])];
    });
    expect(logits[0]).not.toEqual(logits[1]);
    expect(logits[1]).not.toEqual(logits[2]);
  });

  it("depends on every weight: one changed weight changes logits", () => {
    const images = digitsArray("test-images.npy");
    const { net, model, settings } = digitsModel();
    const checkpoint = edited((tensors) => {
      const head = tensors.get("head.weight")!;
      tensors.set("head.weight", { ...head, data: Float32Array.from(head.data, (w) => w + 0.5) });
    });
    const changed = model.build(checkpoint, "model.pth", settings, new Report())!.net;
    const run = (n: typeof net): number[] => [
      ...flatten(evaluate(n, netInputs(n, images, 0)).outputs.get("logits") ?? []),
    ];
    expect(run(changed)).not.toEqual(run(net));
  });
});

describe("faults of a checkpoint", () => {
  it("reports missing, misshapen, infinite and extra tensors all at once", () => {
    const report = build(
      edited((tensors) => {
        const head = tensors.get("head.weight")!;
        tensors.delete("block.0.attn.q_conv.weight");
        tensors.set("head.bias", { ...head });
        tensors.set("patch_embed.proj_bn.weight", { dtype: "f32", shape: [6], data: new Float32Array(6).fill(NaN) });
        tensors.set("mystery", head);
      }),
    );
    expect(codes(report).sort()).toEqual([
      "model/extra-tensor",
      "model/missing-tensor",
      "model/not-finite",
      "model/tensor-shape",
    ]);
  });

  it("refuses integer weights", () => {
    const report = build(
      edited((tensors) => tensors.set("head.bias", { dtype: "i32", shape: [10], data: new Int32Array(10) })),
    );
    expect(codes(report)).toEqual(["model/tensor-dtype"]);
  });
});

describe("settings", () => {
  it("names the chunks that work when one does not divide the timesteps", () => {
    const report = build(digitsCheckpoint(), { chunk: "3" });
    expect(report.errors[0]?.message).toContain("chunk 3 does not divide 4 timesteps");
    expect(report.errors[0]?.hint).toContain("1, 2, 4");
  });

  it("suggests a name for an unknown setting and says what a value must be", () => {
    expect(build(digitsCheckpoint(), { chnk: "2" }).errors[0]?.hint).toBe("did you mean `chunk`?");
    expect(build(digitsCheckpoint(), { timesteps: "four" }).errors[0]?.message).toContain(
      "expects an integer in 1..65536, got four",
    );
    expect(build(digitsCheckpoint(), { attention: "softmax" }).errors[0]?.message).toContain("STAtten or SDT");
  });

  it("says what to give when nothing has it", () => {
    const checkpoint = { ...digitsCheckpoint(), config: new Map() };
    const report = build(checkpoint);
    expect(new Set(codes(report))).toEqual(new Set(["model/missing-setting"]));
    expect(report.errors.map((d) => d.hint).join()).toContain("--set timesteps=");
  });

  it("prefers --set to args, and reads the rest from shapes", () => {
    const { settings } = digitsModel({ chunk: "4" });
    expect(settings.entries.get("chunk")).toEqual({ value: 4, origin: "--set" });
    expect(settings.entries.get("timesteps")?.value).toBe(4);
    expect(
      build({
        ...digitsCheckpoint(),
        config: new Map<string, string | number>([
          ["T", 4],
          ["chunk_size", 2],
          ["img_size", 8],
          ["pooling_stat", "0001"],
        ]),
      }).failed,
    ).toBe(false);
  });
});
