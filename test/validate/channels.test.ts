import { describe, expect, it } from "vitest";
import { DiagnosticError } from "../../src/diagnostics/index.js";
import { evaluate, flatten, parseNet, type LayerIdentity, type Net } from "../../src/ir/index.js";
import { parsePipeline, runPipeline } from "../../src/passes/index.js";
import type { RecordedCase } from "../../src/validate/recorded-case.js";
import { replay } from "../../src/validate/replay.js";

/** A recording of a net of three hidden channels, the last of which its reader ignores. */
const { net: parsed } = parseNet(
  `net @case(%x: real<2t, 1x2x2>) -> (logits: real<2t, 1x2x1>) {
  const @in : weights<2x3> = [1, 0.5, 0.75, 0.5, 1, 1]
  const @out : weights<3x1> = [1, 2, 0]
  %i = synapse.dense %x, @in : real<2t, 1x2x3>
  %s = neuron.lif %i {v_th = 0.5} : spike<2t, 1x2x3> layer("hidden")
  %y = synapse.dense %s, @out : real<2t, 1x2x1>
  return %y
}`,
  "case.snn",
);
if (parsed === undefined) throw new Error("no net");
const whole: Net = parsed;
const x = Float32Array.of(1, 0, 0, 1, 0.5, 1, 1, 1);
const { values } = evaluate(whole, new Map([["x", x]]));
const recorded: RecordedCase = {
  name: "case",
  arch: "none",
  checkpoint: "",
  timesteps: 2,
  samples: 1,
  // [batch, timesteps, channels, positions] as recorded, channels first.
  input: { dtype: "f32", shape: [1, 2, 2, 1, 2], data: Float32Array.of(1, 0, 0, 1, 0.5, 1, 1, 1) },
  logits: { dtype: "f32", shape: [2, 1, 2], data: Float32Array.from(flatten(values.get("y") ?? [])) },
  layers: [
    {
      name: "hidden",
      positions: 2,
      channels: 3,
      spikes: Uint8Array.from(flatten(values.get("s") ?? [])),
      vTh: 1,
      roundingNoise: 0,
    },
  ],
};

function dropped(): Net {
  const { result } = runPipeline(whole, parsePipeline("drop-dead").steps ?? []);
  if (result === undefined) throw new Error("no result");
  return result;
}

function withLayer(net: Net, layer: LayerIdentity): Net {
  return { ...net, ops: net.ops.map((op) => (op.layer === undefined ? op : { ...op, layer })) };
}

describe("a recorded layer of which channels were removed", () => {
  it("is compared in the others, and says how many are missing", () => {
    const net = dropped();
    expect(net.ops.flatMap((op) => op.layer ?? [])).toEqual([{ name: "hidden", removed: [2] }]);
    for (const forced of [true, false]) {
      const { layers, unmatched } = replay(net, recorded, { forced });
      expect(unmatched).toEqual([]);
      expect(layers.map(({ mismatches, removedChannels }) => [mismatches, removedChannels])).toEqual([[0, 1]]);
      expect(layers[0]?.spikes).toBeGreaterThan(0);
    }
  });

  it("does not agree when the wrong channel is declared", () => {
    const { layers } = replay(withLayer(dropped(), { name: "hidden", removed: [0] }), recorded, { forced: false });
    expect(layers[0]?.mismatches).toBeGreaterThan(0);
  });

  it.each([[[1, 2]], [[0, 1, 2]]])("with %s declared, is not the recorded one", (removed) => {
    const wrong = withLayer(dropped(), { name: "hidden", removed });
    const text = `layer \`hidden\` was recorded with 3 channels, the net has 2 and declares ${removed.length} removed`;
    expect(() => replay(wrong, recorded, { forced: false })).toThrow(DiagnosticError);
    expect(() => replay(wrong, recorded, { forced: false })).toThrow(text);
  });
});
