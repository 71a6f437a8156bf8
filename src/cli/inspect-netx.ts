import type { Report } from "../diagnostics/index.js";
import { netOfNetx, readNetx, type NetxLayer, type NetxNeuron } from "../frontend/netx/index.js";
import { elements } from "../math/tensor.js";
import type { Io } from "./command.js";
import { count, table } from "./text.js";

function neuronText(neuron: NetxNeuron | undefined): string {
  if (neuron === undefined) return "";
  return `${neuron.type} iDecay ${neuron.iDecay}, vDecay ${neuron.vDecay}, vThMant ${neuron.vThMant}`;
}

function synapseText(layer: NetxLayer): string {
  switch (layer.type) {
    case "dense":
      return `${layer.inputs} to ${layer.outputs}`;
    case "conv": {
      const { kernel, stride, padding, dilation, groups } = layer;
      const rare = [dilation === 1 ? "" : `, dilation ${dilation}`, groups === 1 ? "" : `, ${groups} groups`];
      return `${kernel}x${kernel}, stride ${stride}, padding ${padding}${rare.join("")}`;
    }
    case "input":
      return layer.transform === undefined ? "" : `x * ${layer.transform.weight} + ${layer.transform.bias}`;
    case "flatten":
      return "";
  }
}

function summaryOf(layer: NetxLayer) {
  const weighted = layer.type === "dense" || layer.type === "conv" ? layer : undefined;
  return {
    layer: layer.index,
    type: layer.type,
    shape: layer.shape,
    synapse: synapseText(layer),
    weights: weighted?.weight.length ?? 0,
    biases: weighted?.bias?.length ?? 0,
    delay: weighted?.delay ?? 0,
    neuron: layer.type === "flatten" ? undefined : layer.neuron,
  };
}

/** What is in a NetX network; that it can be imported is checked on the way. */
export async function inspectNetx(
  file: string,
  json: boolean,
  settings: ReadonlyMap<string, string>,
  report: Report,
  io: Io,
): Promise<void> {
  const network = await readNetx(file, report);
  if (network === undefined) return;
  // Whether layers fit each other does not depend on how long they run.
  const known = settings.has("timesteps") || network.timesteps !== undefined;
  const imported = netOfNetx(network, file, known ? settings : new Map([...settings, ["timesteps", "1"]]), report);
  if (imported === undefined) return;
  const timesteps = known ? imported.settings.timesteps : undefined;
  const layers = network.layers.map(summaryOf);
  if (json)
    return io.out(JSON.stringify({ timesteps: timesteps ?? null, fire: imported.settings.fire, layers }, null, 2));
  const sum = (of: (layer: (typeof layers)[number]) => number): number => layers.reduce((n, layer) => n + of(layer), 0);
  io.out(
    [
      `${file}: NetX network, ${network.layers.length} layers`,
      `${count(sum((l) => l.weights))} weights, ${count(sum((l) => l.biases))} biases, ${count(sum((l) => (l.neuron === undefined ? 0 : elements(l.shape))))} spiking neurons`,
      timesteps === undefined
        ? "timesteps: not in the file, give them with --set timesteps=N"
        : `timesteps: ${timesteps}`,
      "",
      table([
        ["layer", "type", "shape", "synapse", "delay", "neuron"],
        ...layers.map((l) => [
          String(l.layer),
          l.type,
          l.shape.join("x"),
          l.synapse,
          String(l.delay),
          neuronText(l.neuron),
        ]),
      ]),
    ].join("\n"),
  );
}
