import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Report } from "../../src/diagnostics/index.js";
import { noiseInput } from "../../src/frontend/random/noise.js";
import { calibrateModel, randomModel } from "../../src/frontend/random/random-model.js";
import { evaluate, everyStep, flatten, NetBuilder, parseNet, REAL, type Net } from "../../src/ir/index.js";
import { parsePipeline, runPipeline, selectableTokens } from "../../src/passes/index.js";
import { folded } from "../support/digits.js";

/** Two blocks with 16 tokens, all layers firing, for T = 4. */
const SHAPE = {
  timesteps: "4",
  height: "16",
  width: "16",
  pooling: "0011",
  channels: "2",
  classes: "3",
  dim: "16",
  heads: "2",
  depth: "2",
  "mlp-ratio": "2",
};
const TOKENS = 16;

function model(arch: string, settings: Readonly<Record<string, string>>): Net {
  const report = new Report();
  const random = randomModel({ seed: 3, arch, overrides: new Map(Object.entries({ ...SHAPE, ...settings })) }, report);
  const fired = random === undefined ? undefined : calibrateModel(random, 0.3, { seed: 3, tolerance: 0.5 }, report);
  if (fired === undefined) throw new Error(report.errors.map((d) => d.message).join("\n"));
  return fired.net;
}

const statten = model("statten", { chunk: "2" });
const MODELS: Readonly<Record<string, Net>> = {
  "STAtten, batch norms in place": statten,
  STAtten: folded(statten),
  "STAtten, narrow MLP": folded(model("statten", { chunk: "2", "mlp-ratio": "1" })),
  SDT: folded(model("sdt", {})),
  "SDT on events": folded(model("sdt", { events: "true" })),
};

function run(net: Net, options: string) {
  const { steps, diagnostics } = parsePipeline(`sparsify-top-k{${options}}`);
  return steps === undefined ? { diagnostics, records: [] } : runPipeline(net, steps);
}

function sparse(net: Net, options: string): Net {
  const { result, diagnostics } = { result: undefined, ...run(net, options) };
  expect(diagnostics).toEqual([]);
  if (result === undefined) throw new Error("no result");
  return result;
}

function fault(net: Net, options: string): string {
  const { diagnostics } = run(net, options);
  expect(diagnostics).toHaveLength(1);
  return `${diagnostics[0]?.message}; ${diagnostics[0]?.hint}`;
}

function values(net: Net) {
  const [input] = net.inputs;
  if (input === undefined) throw new Error("no input");
  return evaluate(net, new Map([[input.name, noiseInput(input.type, 5)]])).values;
}

function selections(net: Net): Net["ops"] {
  return net.ops.filter((op) => op.name === "tokens.top-k" || op.name === "tokens.top-share");
}

/** The same selections, but of every token. */
function keepingAll(net: Net): Net {
  const all = { "tokens.top-k": { k: TOKENS }, "tokens.top-share": { share: 0, capacity: TOKENS } };
  const ops = net.ops.map((op) =>
    op.name === "tokens.top-k" || op.name === "tokens.top-share" ? { ...op, attrs: all[op.name] } : op,
  );
  return { ...net, ops };
}

const MODES = [
  "k=3 drop=residual",
  "k=3 drop=residual project=kept",
  "k=3 drop=residual scope=chunk cue=relevance",
  "k=3 before=mlp",
  "fraction=0.2 before=mlp scope=chunk cue=first-spike",
  "k=[3,4,5,6] before=both",
  "fraction=[0.2,0.5] drop=residual",
  "share=0.6",
  "share=0.6 floor=2 capacity=5 overflow=keep-best before=both drop=residual scope=chunk",
];

describe.each(Object.entries(MODELS).filter(([name]) => name !== "STAtten, narrow MLP"))("%s", (_name, net) => {
  it.each(MODES)("masks that keep every token change no bit: %s", (options) => {
    const less = sparse(net, options);
    expect(selections(less).length).toBeGreaterThan(1);
    const [before, after] = [values(net), values(keepingAll(less))];
    for (const op of net.ops) expect(after.get(op.result), op.result).toEqual(before.get(op.result));
    // The masks of the pass itself do leave something out.
    const masked = values(less);
    const masks = less.ops.filter((op) => op.name === "mask.tokens");
    expect(masks.map((op) => masked.get(op.result))).not.toEqual(masks.map((op) => masked.get(op.operands[0] ?? "")));
    expect(sparse(less, options)).toBe(less);
  });

  it("is the net itself where the options keep every token", () => {
    for (const before of ["attention", "mlp", "both"]) {
      for (const kept of [`k=${TOKENS}`, "fraction=1", `share=0.5 floor=${TOKENS}`]) {
        expect(sparse(net, `${kept} before=${before}`)).toBe(net);
      }
    }
  });
});

/** Rows of a value at every timestep, of one token. */
function rows(value: readonly ArrayLike<number>[] | undefined, token: number): number[][] {
  return (value ?? []).map((slot) => {
    const channels = slot.length / TOKENS;
    return Array.from(slot).slice(token * channels, (token + 1) * channels);
  });
}

describe("a token that is left out keeps its residual stream", () => {
  const cases = ["STAtten", "STAtten, batch norms in place", "SDT"].map((name) => [name, MODELS[name]!] as const);

  /** Names of x and y of the branch behind a neuron, y = x + b. */
  function streamOf(net: Net, neuron: string): readonly [string, string] {
    const stream = net.ops.find((op) => op.layer?.name === neuron)?.operands[0] ?? "";
    const add = net.ops.find(
      (op) => op.name === "stream.add" && op.operands.includes(stream) && op.operands[1] !== op.operands[0],
    );
    return [stream, add?.result ?? ""];
  }

  it.each(cases)("%s: an MLP is that of the dense net for kept tokens, and nothing for the others", (_name, net) => {
    const less = sparse(net, "k=5 before=mlp layers=block.0");
    const [x, y] = streamOf(net, "block.0.mlp.fc1_lif");
    const [before, after] = [values(net), values(less)];
    const mask = after.get(selections(less)[0]?.result ?? "")?.[0] ?? [];
    expect(selections(less)).toHaveLength(1);
    expect(Array.from(mask).filter((kept) => kept === 1)).toHaveLength(5);
    for (let n = 0; n < TOKENS; n++) {
      expect(rows(after.get(y), n)).toEqual(rows(before.get(mask[n] === 1 ? y : x), n));
    }
    expect(after.get(y)).not.toEqual(before.get(y));
  });

  it.each(cases)("%s: an attention is that with masked keys and values for kept tokens", (_name, net) => {
    for (const project of ["all", "kept"]) {
      const [kv, less] = ["kv", "residual"].map((drop) =>
        values(sparse(net, `k=5 drop=${drop} project=${project} layers=block.0`)),
      );
      const net0 = sparse(net, `k=5 drop=residual project=${project} layers=block.0`);
      const [x, y] = streamOf(net, "block.0.attn.shortcut_lif");
      const mask = less?.get(selections(net0)[0]?.result ?? "")?.[0] ?? [];
      expect(Array.from(mask).filter((kept) => kept === 1)).toHaveLength(5);
      for (let n = 0; n < TOKENS; n++) {
        expect(rows(less?.get(y), n)).toEqual(rows(kv?.get(mask[n] === 1 ? y : x), n));
      }
    }
  });

  it("no spike of a token that is left out costs an addition in the branch", () => {
    const net = MODELS["STAtten"]!;
    const less = sparse(net, "k=5 before=both drop=residual project=kept");
    const after = values(less);
    const producers = new Map(less.ops.map((op) => [op.result, op]));
    const weighted = less.ops.filter((op) => op.name === "synapse.dense" && op.origin !== "head");
    expect(weighted.length).toBeGreaterThanOrEqual(12);
    for (const op of weighted) {
      if (op.operands[0] === undefined || op.result === less.outputs[0]?.value) continue;
      const mask = producers.get(op.operands[0]);
      if (mask?.name !== "mask.tokens") {
        // The head reads means over all tokens.
        expect(op.type.shape).toEqual([3]);
        continue;
      }
      const kept = after.get(mask.operands[1] ?? "")?.[0] ?? [];
      for (let n = 0; n < TOKENS; n++) {
        if (kept[n] === 0)
          expect(
            rows(after.get(op.operands[0]), n)
              .flat()
              .every((s) => s === 0),
          ).toBe(true);
      }
    }
  });

  it("an MLP with an inner residual is two branches", () => {
    const less = sparse(MODELS["STAtten, narrow MLP"]!, "k=4 before=mlp");
    const scored = selections(less).map((op) => less.ops.find((one) => one.result === op.operands[0])?.operands[0]);
    const names = scored.map((spikes) => less.ops.find((op) => op.result === spikes)?.layer?.name);
    expect(names).toEqual([0, 1].flatMap((i) => ["fc1_lif", "fc2_lif"].map((lif) => `block.${i}.mlp.${lif}`)));
  });
});

describe("how many tokens stay", () => {
  const net = MODELS["STAtten"]!;
  const kept = (options: string) => selections(sparse(net, options)).map((op) => op.attrs["k"] ?? op.attrs);

  it("one number per place, in the net's order", () => {
    expect(kept("k=[3,7]")).toEqual([3, 7]);
    expect(kept("k=[3,16]")).toEqual([3]);
    expect(kept("k=[1,2,3,4] before=both")).toEqual([1, 2, 3, 4]);
    expect(kept("fraction=[0.25,0.5]")).toEqual([4, 8]);
    expect(kept("k=[5] layers=block.1")).toEqual([5]);
    expect(kept("before=mlp")).toEqual([8, 8]);
  });

  it("a share with its bounds", () => {
    const defaults = { share: 0.5, floor: 1, capacity: TOKENS, overflow: "error" };
    expect(kept("share=0.5")).toEqual([defaults, defaults]);
    const options = "share=0.5 floor=2 capacity=4 overflow=keep-best layers=block.0";
    expect(kept(options)).toEqual([{ share: 0.5, floor: 2, capacity: 4, overflow: "keep-best" }]);
  });

  it("stops the run where more tokens than the capacity are important", () => {
    // Every token reaches a share of nearly nothing but the one with fewest spikes.
    const strict = sparse(net, "share=0.000001 capacity=2 layers=block.0");
    expect(() => values(strict)).toThrow(/tokens reach share = 0.000001, the capacity is 2/);
    const best = sparse(net, "share=0.000001 capacity=2 overflow=keep-best layers=block.0");
    const mask = values(best).get(selections(best)[0]?.result ?? "")?.[0] ?? [];
    expect(Array.from(mask).filter((one) => one === 1)).toHaveLength(2);
  });

  it("says what is wrong with the numbers, and what is legal", () => {
    const attentions = "`block.0.attn.shortcut_lif`, `block.1.attn.shortcut_lif`";
    expect(fault(net, "k=[3,4,5]")).toBe(
      `\`k\` lists 3 numbers, tokens are selected in 2 places: ${attentions}; give 2 numbers, or one for all`,
    );
    expect(fault(net, "fraction=[0.5,0.5,0.5] before=both")).toContain(
      "lists 3 numbers, tokens are selected in 4 places",
    );
    expect(fault(net, "k=[3,17]")).toBe("k = 17, but `block.1.attn.shortcut_lif` has 16 tokens; use k = 1 to 16");
    expect(fault(net, "share=0.5 capacity=17")).toContain("use capacity = 1 to 16");
    expect(fault(net, "share=0.5 floor=17")).toContain("use floor = 1 to 16");
    expect(fault(net, "share=0.5 floor=3 capacity=2")).toBe("floor = 3 is above capacity = 2; use floor = 1 to 2");
    expect(fault(net, "share=1.5")).toContain("at most 1, got 1.5");
    expect(fault(net, "share=0.5 k=3 fraction=0.5")).toContain("all say how many tokens stay");
    for (const bound of ["floor=2", "capacity=2", "overflow=keep-best"]) {
      expect(fault(net, bound)).toContain("give share=0.5, or leave them out");
    }
    expect(fault(net, "fraction=[0.5,0]")).toContain("above 0, at most 1, got 0");
  });
});

describe("places that a net does not have", () => {
  const net = MODELS["STAtten"]!;

  it("are named, with what is there", () => {
    expect(fault(net, "k=3 before=mlp cue=relevance")).toContain("use before = attention, or rate, first-spike");
    expect(fault(net, "k=3 before=mlp layers=block.0.attn")).toContain(
      "use all, block.0.mlp.fc1_lif, block.1.mlp.fc1_lif",
    );
    const { net: bare } = parseNet(
      `net @bare(%x: real<2t, 2x2>) -> real<2t, 2x2> {
  const @w : weights<2x2> = [1, 0, 0, 1]
  %s = neuron.lif %x : spike<2t, 2x2> layer("shortcut_lif")
  %i = synapse.dense %s, @w : real<2t, 2x2>
  %k = neuron.lif %i : spike<2t, 2x2> layer("k_lif")
  %o = attention.statten %s, %k, %k {heads = 1, chunk = 1, scale = 0.5} : real<2t, 2x2>
  return %o
}`,
      "bare.snn",
    );
    if (bare === undefined) throw new Error("no net");
    expect(fault(bare, "k=1 before=mlp")).toBe(
      "before = mlp, but the net has no MLP whose tokens can be selected; use before = attention",
    );
    expect(fault(bare, "k=1 drop=residual")).toContain("use drop = kv, or leave these out with layers");
    expect(sparse(bare, "k=1")).not.toBe(bare);
    expect(selectableTokens(bare, { before: "mlp" })).toBeUndefined();
    expect(selectableTokens(net, { before: "mlp", layers: "block.1" })).toBe(TOKENS);
  });

  it("are none in a net without attention, which is left alone whatever the numbers", () => {
    const { net: plain } = parseNet(
      `net @plain(%x: real<2t, 2x2>) -> real<2t, 2x2> {
  const @w : weights<2x2> = [1, 0.5, 0.25, 1]
  %s = neuron.lif %x : spike<2t, 2x2> layer("a")
  %k = synapse.dense %s, @w : real<2t, 2x2>
  return %k
}`,
      "plain.snn",
    );
    if (plain === undefined) throw new Error("no net");
    for (const numbers of ["k=3", "k=[1,2]", "fraction=[0.5,0.25,0.5]"]) expect(sparse(plain, numbers)).toBe(plain);
    expect(fault(plain, "k=[1,2] layers=a")).toContain("no attention has the name `a`");
    expect(fault(plain, "k=[1,2] before=mlp")).toContain("the net has no MLP");
  });

  it("a branch that others look into is not one", () => {
    const branch = (returned: string) => `net @peek(%x: real<2t, 2x2>) -> real<2t, 2x2> {
  const @w : weights<2x2> = [1, 0, 0, 1]
  %s = neuron.lif %x : spike<2t, 2x2> layer("fc1_lif")
  %b = synapse.dense %s, @w : real<2t, 2x2>
  %y = stream.add %x, %b : real<2t, 2x2>
  return ${returned}
}`;
    const tokens = ["%y", "%b"].map((returned) => {
      const { net: parsed } = parseNet(branch(returned), "peek.snn");
      return parsed === undefined ? parsed : selectableTokens(parsed, { before: "mlp" });
    });
    expect(tokens).toEqual([2, undefined]);
  });
});

describe("tokens.top-share", () => {
  const scoresOf = fc.array(fc.integer({ min: -6, max: 6 }), { minLength: 1, maxLength: 12 });

  function selected(scores: readonly number[], attrs: Record<string, number | string>): number[] {
    const builder = new NetBuilder("share");
    const x = builder.input("x", { number: REAL, time: everyStep(1), shape: [scores.length] });
    builder.output("m", builder.op("tokens.top-share", [x], { attrs }));
    return [...flatten(evaluate(builder.finish(), new Map([["x", Float32Array.from(scores)]])).outputs.get("m") ?? [])];
  }

  it("keeps what reaches the share, the best up to the floor, and no more than the capacity", () => {
    fc.assert(
      fc.property(scoresOf, fc.integer({ min: 0, max: 8 }), fc.nat(), fc.nat(), (scores, eighths, a, b) => {
        const capacity = 1 + (a % scores.length);
        const floor = 1 + (b % capacity);
        const share = eighths / 8;
        const mask = selected(scores, { share, floor, capacity, overflow: "keep-best" });
        const [least, most] = [Math.min(...scores), Math.max(...scores)];
        // Token by token: how many are better, or equal and lower.
        for (const [n, x] of scores.entries()) {
          const rank = scores.filter((other, m) => other > x || (other === x && m < n)).length;
          const reaches = 8 * (x - least) >= eighths * (most - least);
          expect(mask[n]).toBe(Number(rank < floor || (reaches && rank < capacity)));
        }
        const error = () => selected(scores, { share, floor, capacity });
        const qualified = scores.filter((x) => 8 * (x - least) >= eighths * (most - least)).length;
        if (qualified > capacity) expect(error).toThrow(`${qualified} of ${scores.length} tokens`);
        else expect(error()).toEqual(mask);
      }),
      { seed: 1 },
    );
  });

  it("refuses bounds and shares that mean nothing", () => {
    expect(() => selected([1, 2], { share: 0.5, capacity: 3 })).toThrow("capacity = 3, but there are 2 tokens");
    expect(() => selected([1, 2], { share: 0.5, floor: 2, capacity: 1 })).toThrow("floor = 2 is above capacity = 1");
    expect(() => selected([1, 2], { share: -0.5, capacity: 1 })).toThrow("share = -0.5");
  });
});
