import { describe, expect, it } from "vitest";
import { evaluate, flatten, NetBuilder, SPIKE, everyStep, REAL, type Net } from "../../src/ir/index.js";
import { parsePipeline, runPipeline, selectableTokens } from "../../src/passes/index.js";
import { netInputs } from "../../src/validate/replay.js";
import { digitsArray, digitsModel, folded } from "../support/digits.js";
import { Random } from "../support/random.js";

const digits = folded(digitsModel().net);
const images = digitsArray("test-images.npy");

function run(net: Net, pipeline: string) {
  const { steps, diagnostics } = parsePipeline(pipeline);
  return steps === undefined ? { diagnostics } : runPipeline(net, steps);
}

function sparse(net: Net, options: string): Net {
  const { result, diagnostics } = { result: undefined, ...run(net, `sparsify-top-k{${options}}`) };
  expect(diagnostics).toEqual([]);
  if (result === undefined) throw new Error("no result");
  return result;
}

function fault(net: Net, options: string) {
  const { diagnostics } = run(net, `sparsify-top-k{${options}}`);
  expect(diagnostics).toHaveLength(1);
  return `${diagnostics[0]?.message}; ${diagnostics[0]?.hint}`;
}

const tokens = selectableTokens(digits) ?? 0;
const CUES = ["rate", "first-spike", "interval", "sparta alpha=2 beta=0.3 gamma=-1", "relevance"];

/** Operands of the digits' attention, by name of the op that makes them. */
function producerOf(net: Net, value: string | undefined): string | undefined {
  return net.ops.find((op) => op.result === value)?.name;
}

describe("sparsify-top-k on the digits", () => {
  it("leaves the net alone where all tokens stay", () => {
    expect(tokens).toBeGreaterThan(4);
    expect(sparse(digits, `k=${tokens}`)).toBe(digits);
    expect(sparse(digits, "fraction=1")).toBe(digits);
  });

  it.each(CUES)("masks that keep every token change no bit (cue = %s)", (cue) => {
    const net = sparse(digits, `k=1 cue=${cue}`);
    const all: Net = {
      ...net,
      ops: net.ops.map((op) => (op.name === "tokens.top-k" ? { ...op, attrs: { k: tokens } } : op)),
    };
    const [before, after] = [digits, all].map((n) => evaluate(n, netInputs(n, images, 3)).values);
    for (const op of digits.ops) expect(after?.get(op.result)).toEqual(before?.get(op.result));
  });

  it.each(CUES)("fewer tokens leave fewer spikes in k and v (cue = %s)", (cue) => {
    let last = Infinity;
    for (const k of [tokens - 1, Math.ceil(tokens / 2), 2, 1]) {
      const net = sparse(digits, `k=${k} cue=${cue}`);
      const { values } = evaluate(net, netInputs(net, images, 5));
      const [, keys = "", vals = ""] = net.ops.find((op) => op.name === "attention.statten")?.operands ?? [];
      expect([keys, vals].map((value) => producerOf(net, value))).toEqual(["mask.tokens", "mask.tokens"]);
      let spikes = 0;
      for (const value of [keys, vals]) for (const spike of flatten(values.get(value) ?? [])) spikes += spike;
      expect(spikes).toBeLessThanOrEqual(last);
      last = spikes;
      const mask = net.ops.find((op) => op.name === "tokens.top-k")?.result ?? "";
      for (const slot of values.get(mask) ?? []) expect(slot.filter((kept) => kept === 1)).toHaveLength(k);
    }
  });

  it.each(CUES.slice(0, 4))("computes keys and values of kept tokens alone, to the same result (cue = %s)", (cue) => {
    const [all, kept] = ["all", "kept"].map((project) => sparse(digits, `k=5 cue=${cue} project=${project}`));
    if (all === undefined || kept === undefined) return;
    const [expected, got] = [all, kept].map((net) => evaluate(net, netInputs(net, images, 7)).values);
    const fewer = new Set(["k_lif", "v_lif"].map((name) => `block.0.attn.${name}`));
    for (const op of digits.ops) {
      if (op.layer === undefined || fewer.has(op.layer.name)) continue;
      expect(got?.get(op.result), op.layer.name).toEqual(expected?.get(op.result));
    }
    expect(kept.ops.filter((op) => op.name === "mask.tokens")).toHaveLength(3);
  });

  it("keeps every layer, and says so twice the same", () => {
    const once = sparse(digits, "k=2");
    expect(once.ops.flatMap((op) => op.layer?.name ?? [])).toEqual(digits.ops.flatMap((op) => op.layer?.name ?? []));
    expect(sparse(once, "k=2")).toBe(once);
    expect(selectableTokens(once)).toBeUndefined();
  });

  it("rounds a fraction up and keeps at least one token", () => {
    const kept = (options: string) => sparse(digits, options).ops.find((op) => op.name === "tokens.top-k")?.attrs["k"];
    expect(kept("fraction=0.001")).toBe(1);
    expect(kept("fraction=0.3")).toBe(Math.ceil(0.3 * tokens));
    expect(kept("cue=first-spike")).toBe(Math.ceil(tokens / 2));
  });

  it("names the legal values where the options do not fit", () => {
    const name = "block.0.attn.shortcut_lif";
    expect(fault(digits, `k=${tokens + 1}`)).toBe(
      `k = ${tokens + 1}, but \`${name}\` has ${tokens} tokens; use k = 1 to ${tokens}`,
    );
    expect(fault(digits, "k=2 fraction=0.5")).toBe(
      "`k` and `fraction` both say how many tokens stay; give one of them",
    );
    expect(fault(digits, "fraction=1.5")).toContain("at most 1, got 1.5");
    expect(fault(digits, "k=1 layers=block.7")).toContain(`use all, ${name}`);
    expect(fault(digits, "k=1 cue=relevance project=kept")).toContain("use project = all, or another cue");
    expect(fault(digits, "k=1 beta=2")).toBe(
      "`beta` weighs a part of `cue = sparta`, the cue is rate; add cue=sparta, or leave it out",
    );
    expect(fault(digits, "k=1 cue=luck")).toContain("one of rate, first-spike, interval, sparta, relevance");
    expect(sparse(digits, "k=1 layers=block.0")).not.toBe(digits);
  });
});

describe("other passes", () => {
  const options = "sparsify-top-k{k=5 before=both drop=residual}";
  const logits = (pipeline: string): number[] => {
    const { result, diagnostics } = { result: undefined, ...run(digitsModel().net, pipeline) };
    expect(diagnostics.filter(({ severity }) => severity === "error")).toEqual([]);
    if (result === undefined) throw new Error("no result");
    return [...flatten(evaluate(result, netInputs(result, images, 3)).outputs.get("logits") ?? [])];
  };

  it.each(["import", "folded"])("%s folds batch norms over masks as it does without them", (fold) => {
    const [before, after] = [logits(`${options},${fold}`), logits(`${fold},${options}`)];
    for (const [i, logit] of before.entries()) expect(after[i]).toBeCloseTo(logit, 5);
    expect(before).not.toEqual(logits(fold));
  });

  it("tokens of integer nets are selected as well", () => {
    const [all, less] = [logits("quantized"), logits(`quantized,${options}`)];
    expect(less).not.toEqual(all);
  });
});

describe("a chunk decides for itself", () => {
  it("changes nothing before a timestep whose inputs change", () => {
    const model = folded(digitsModel({ chunk: "2" }).net);
    const random = new Random(7);
    for (const cue of CUES) {
      const net = sparse(model, `k=3 cue=${cue} scope=chunk`);
      const values = evaluate(net, netInputs(net, images, 1)).values;
      const score = net.ops.find((op) => op.name.startsWith("tokens.") && op.name !== "tokens.top-k");
      const [from = ""] = score?.operands ?? [];
      // Spikes of the last chunk are replaced: masks of earlier chunks must not see it.
      const changed = evaluate(net, netInputs(net, images, 1), {
        intercept: (op, slot, moment) => (op.result === from && moment >= 2 ? slot.map(() => random.int(0, 1)) : slot),
      }).values;
      const mask = net.ops.find((op) => op.name === "tokens.top-k")?.result ?? "";
      expect(values.get(mask)).toHaveLength(2);
      expect(changed.get(mask)?.[0]).toEqual(values.get(mask)?.[0]);
    }
  });
});

describe("scores of tokens", () => {
  /** A net of one score and the best k of it. */
  function scored(cue: string, k: number, tokensOf: number): Net {
    const builder = new NetBuilder("scores");
    const s = builder.input("s", { number: SPIKE, time: everyStep(3), shape: [tokensOf, 4] });
    const y = builder.op("tokens.score", [s], { attrs: { cue } });
    builder.output("y", y);
    builder.output("m", builder.op("tokens.top-k", [y], { attrs: { k } }));
    return builder.finish();
  }

  it("ties go to the lower token, whatever the cue", () => {
    for (const cue of ["rate", "first-spike", "interval", "sparta"]) {
      const net = scored(cue, 3, 6);
      const { outputs } = evaluate(net, new Map([["s", new Uint8Array(3 * 6 * 4).fill(1)]]));
      expect([...flatten(outputs.get("m") ?? [])]).toEqual([1, 1, 1, 0, 0, 0]);
    }
  });

  it("earlier, denser and more spikes score higher", () => {
    // Three timesteps, four tokens, channel 0 alone: spikes at 0,1 / 0,2 / 1,2 / none.
    const trains = [
      [1, 1, 0],
      [1, 0, 1],
      [0, 1, 1],
      [0, 0, 0],
    ];
    const s = new Uint8Array(3 * 4 * 4);
    for (const [n, train] of trains.entries()) for (const [t, x] of train.entries()) s[(t * 4 + n) * 4] = x;
    const score = (cue: string) => [
      ...flatten(evaluate(scored(cue, 1, 4), new Map([["s", s]])).outputs.get("y") ?? []),
    ];
    const [T, C] = [3, 4];
    expect(score("rate")).toEqual([2, 2, 2, 0]);
    expect(score("first-spike")).toEqual([-9, -9, -10, -12].map((sum) => Math.fround(sum / (C * T))));
    expect(score("interval")).toEqual([-10, -11, -10, -12].map((sum) => Math.fround(sum / C)));
    const [a = 0, b = 0, c = 0, d = 0] = score("sparta");
    expect(a).toBeGreaterThan(b);
    expect(a).toBeGreaterThan(c);
    expect(Math.min(b, c)).toBeGreaterThan(d);
  });

  it("refuses k beyond the tokens, masks of another size, and weights that leave f32", () => {
    const message = (make: () => unknown): string => {
      try {
        make();
      } catch (error) {
        return String(error);
      }
      return "";
    };
    expect(message(() => scored("rate", 7, 6))).toContain("there are 6 tokens");
    const builder = new NetBuilder("bad");
    const s = builder.input("s", { number: SPIKE, time: everyStep(4), shape: [6, 4] });
    const x = builder.input("x", { number: REAL, time: everyStep(4), shape: [4] });
    const mask = builder.op("tokens.top-k", [x], { attrs: { k: 1 } });
    expect(message(() => builder.op("mask.tokens", [s, mask]))).toContain("does not fit");
    const heavy = { cue: "sparta", beta: 30 };
    expect(message(() => builder.op("tokens.score", [s], { attrs: heavy }))).toContain("leave f32");
    expect(message(() => builder.op("tokens.score", [s], { attrs: { chunk: 3 } }))).toContain("does not divide");
  });
});
