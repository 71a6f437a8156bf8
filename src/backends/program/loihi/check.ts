import type { LoihiChip } from "../../../chips/loihi.js";
import { elements } from "../../../math/tensor.js";
import type { ProgramLayer } from "../program.js";
import type { AttentionCore, Core, Group, LoihiInput, LoihiProgram, NeuroCore, Routes } from "./program.js";

/** What spikec is willing to simulate; a damaged file must not make it allocate more. */
const MAX_STEPS = 2 ** 20;
const MAX_ELEMENTS = 2 ** 28;
const MAX_LAYER_STEPS = 2 ** 24;
const MAX_RECORDED = 2 ** 30;
/** Sums of a step are exact below it. */
const MAX_SUM = 2 ** 53;

const isCount = (n: number, least: number, most: number): boolean => Number.isInteger(n) && n >= least && n <= most;

/**
 * Whether a program can be simulated at all: every index leads somewhere, every table has the length that another one says, and no
 * neuron, place or message is there twice. One sentence per fault. What the chip has too little of is `checkLimits`.
 */
export function checkStructure(program: LoihiProgram): readonly string[] {
  const sizes = sizeFaults(program);
  // The rest counts on these.
  if (sizes.length > 0) return sizes;
  const cores = program.cores.flatMap((core, i) => coreFaults(core, program).map((fault) => `core ${i}: ${fault}`));
  if (cores.length > 0) return cores;
  const faults = [
    ...placeFaults(program),
    ...neuronFaults(program),
    ...program.cores.flatMap((core, i) => routeFaults(core.routes, program, `core ${i}`)),
    ...program.inputs.flatMap((input) => inputFaults(input, program)),
    ...program.outputs.flatMap(({ name, population, shape }) => {
      const neurons = program.populations[population]?.neurons;
      return elements(shape) === neurons
        ? []
        : [`output \`${name}\` of shape ${shape.join("x")} reads ${neurons} neurons`];
    }),
  ];
  // Sums follow routes, which have to lead somewhere.
  return faults.length > 0 ? faults : sumFaults(program);
}

function sizeFaults({ timesteps, steps, layers, populations, cores, chip, inputs }: LoihiProgram): readonly string[] {
  const faults: string[] = [];
  if (!isCount(timesteps, 1, MAX_STEPS)) faults.push(`${timesteps} timesteps, expected 1 to ${MAX_STEPS}`);
  if (!isCount(steps, timesteps, MAX_STEPS)) faults.push(`${steps} chip steps, expected ${timesteps} to ${MAX_STEPS}`);
  if (layers.length * steps > MAX_LAYER_STEPS) faults.push(`${layers.length} layers of ${steps} steps`);
  let recorded = 0;
  for (const layer of layers) {
    if (!isLayer(layer)) faults.push(`layer \`${layer.name}\` has ${layer.positions} x ${layer.channels} neurons`);
    if (layer.recorded) recorded += layer.positions * layer.channels * timesteps;
  }
  if (recorded > MAX_RECORDED) faults.push(`${recorded} spikes to record, expected at most ${MAX_RECORDED}`);
  let neurons = 0;
  for (const { name, layer, neurons: own, start } of populations) {
    neurons += own;
    if (!isCount(own, 1, MAX_ELEMENTS)) faults.push(`population \`${name}\` has ${own} neurons`);
    if (!isCount(layer, 0, layers.length - 1)) faults.push(`population \`${name}\` is of layer ${layer}`);
    if (!isCount(start, 0, steps - timesteps))
      faults.push(`population \`${name}\` starts in step ${start} of ${steps}`);
  }
  if (neurons > MAX_ELEMENTS) faults.push(`${neurons} neurons, expected at most ${MAX_ELEMENTS}`);
  for (const { name, shape, start, format } of inputs) {
    const legal = shape.every((n) => isCount(n, 1, MAX_ELEMENTS)) && elements(shape) <= MAX_ELEMENTS;
    if (!legal) faults.push(`input \`${name}\` has the shape ${shape.join("x")}`);
    if (!isCount(start, 0, steps)) faults.push(`input \`${name}\` starts in step ${start} of ${steps}`);
    if (format === "graded" && chip.numerics.gradedBits === 0)
      faults.push(`input \`${name}\` is graded, messages have no payload`);
  }
  if (cores.length === 0) faults.push("no cores");
  return faults;
}

function isLayer({ positions, channels }: ProgramLayer): boolean {
  return isCount(positions, 0, MAX_ELEMENTS) && isCount(channels, 0, MAX_ELEMENTS);
}

/** Whether `start` cuts a table of `length` into `parts` parts. */
function isCut(start: Int32Array, parts: number, length: number): boolean {
  if (start.length !== parts + 1 || start[0] !== 0 || start[parts] !== length) return false;
  for (let i = 0; i < parts; i++) if (start[i + 1]! < start[i]!) return false;
  return true;
}

const within = (values: ArrayLike<number>, least: number, most: number): boolean => {
  for (let i = 0; i < values.length; i++) if (values[i]! < least || values[i]! > most) return false;
  return true;
};

/** Compartments of a neuro-core, or outputs of an attention core. */
export function sendersOf(core: Core): number {
  if (core.kind === "attention") return core.tokens * core.heads * core.headDim;
  return core.groups.reduce((sum, { neurons }) => sum + neurons.length, 0);
}

/** Axons at which messages can arrive. */
function axonsOf(core: Core): number {
  return core.kind === "attention" ? 3 * core.tokens * core.heads * core.headDim : core.axons.start.length - 1;
}

function coreFaults(core: Core, program: LoihiProgram): readonly string[] {
  const { mesh } = program.chip;
  const tiles = mesh.tilesX * mesh.chipsX * mesh.tilesY * mesh.chipsY;
  if (!isCount(core.tile, 0, tiles - 1) || !isCount(core.slot, 0, mesh.coresPerTile - 1)) {
    return [`slot ${core.slot} of tile ${core.tile} is not on the mesh`];
  }
  const own = core.kind === "attention" ? attentionFaults(core, program) : neuroFaults(core, program);
  if (own.length > 0) return own;
  const { start, core: to, axon } = core.routes;
  return isCut(start, sendersOf(core), to.length) && axon.length === to.length
    ? []
    : ["its routes are not those of its neurons"];
}

function neuroFaults({ groups, axons, lists }: NeuroCore, { chip, populations }: LoihiProgram): readonly string[] {
  const faults: string[] = [];
  let compartments = 0;
  for (const group of groups) {
    const { population, first, neurons, threshold, bias, decayU, decayV, refractory, vMin, vMax, currentShift } = group;
    const size = populations[population]?.neurons ?? 0;
    if (first !== compartments) faults.push(`a group begins at compartment ${first}, expected ${compartments}`);
    compartments += neurons.length;
    if (!within(neurons, 0, size - 1)) faults.push(`a group holds neurons that population ${population} has not`);
    if (threshold.length !== neurons.length || bias.length !== neurons.length)
      faults.push("thresholds and biases are not one per neuron");
    faults.push(...crossbarFaults(group, chip));
    if (group.crossbar === undefined && !within(threshold, 0, 2 ** 31 - 1)) faults.push("a threshold is negative");
    const registers =
      isCount(decayU, 0, 4096) && isCount(decayV, 0, 4096) && isCount(refractory, 1, chip.numerics.maxRefractory);
    const bounds = isCount(-vMin, 0, 2 ** 31 - 1) && isCount(vMax, 0, 2 ** 31 - 1) && isCount(currentShift, -7, 7);
    if (!registers || !bounds) faults.push("a register of a group is out of its range");
  }
  const count = lists.start.length - 1;
  const stored = lists.target.length;
  const listsFit =
    isCut(lists.start, count, stored) &&
    [lists.weight, lists.delay].every(({ length }) => length === stored) &&
    lists.format.length === count;
  if (!listsFit) return [...faults, "its synapse lists do not fit each other"];
  if (!within(lists.format, 0, chip.synapseFormats.length - 1)) faults.push("a list has no format of the chip");
  if (!within(lists.delay, 1, chip.numerics.maxDelay)) faults.push(`a delay is not in 1..${chip.numerics.maxDelay}`);
  if (!within(lists.target, 0, compartments - 1)) faults.push("a synapse lies outside its core");
  const entries = axons.list.length;
  if (!isCut(axons.start, axons.start.length - 1, entries) || axons.base.length !== entries) {
    return [...faults, "its axons do not fit each other"];
  }
  if (!within(axons.list, 0, count - 1)) return [...faults, "an axon has a list that is not there"];
  const furthest = Int32Array.from({ length: count }, (_, i) => {
    let most = 0;
    for (let k = lists.start[i]!; k < lists.start[i + 1]!; k++) most = Math.max(most, lists.target[k]!);
    return most;
  });
  const outside = axons.base.findIndex((base, e) => base < 0 || base + furthest[axons.list[e]!]! >= compartments);
  if (outside !== -1) faults.push(`entry ${outside} of its axons reaches outside the core`);
  return faults;
}

/** Crossbar cores have groups of their own kind, whose numbers have the width of a state. */
function crossbarFaults({ crossbar, kind, threshold, bias }: Group, { numerics }: LoihiChip): readonly string[] {
  if ((numerics.profile === "truenorth") !== (crossbar !== undefined)) {
    return [
      `a group ${crossbar === undefined ? "without" : "with"} \`crossbar\` on a chip of profile ${numerics.profile}`,
    ];
  }
  if (crossbar === undefined) return [];
  const [least, most] = [-(2 ** (numerics.stateBits - 1)), 2 ** (numerics.stateBits - 1) - 1];
  const numbers = [crossbar.negativeThreshold, crossbar.resetPotential];
  const fit =
    numbers.every((n) => Number.isInteger(n)) && [numbers, threshold, bias].every((n) => within(n, least, most));
  return [
    ...(fit ? [] : [`a number of a group is not in ${least}..${most}`]),
    ...(kind === "neuron" ? [] : ["a group of a crossbar core relays"]),
  ];
}

function attentionFaults(
  core: AttentionCore,
  { chip, populations, timesteps, steps }: LoihiProgram,
): readonly string[] {
  const { population, heads, headDim, tokens, chunk, firstChannel } = core;
  const layer = populations[population];
  if (chip.attention === undefined) return ["the chip has no attention cores"];
  if (layer === undefined) return [`it computes population ${population}, which is not there`];
  const sizes = [heads, headDim, tokens].every((n) => isCount(n, 1, layer.neurons)) && layer.neurons % tokens === 0;
  if (!sizes)
    return [`${heads} heads of ${headDim} channels and ${tokens} tokens are no part of ${layer.neurons} neurons`];
  if (!isCount(firstChannel, 0, layer.neurons / tokens - heads * headDim))
    return [`it begins at channel ${firstChannel}`];
  if (!isCount(chunk, 1, timesteps) || timesteps % chunk !== 0) return [`chunks of ${chunk} timesteps in ${timesteps}`];
  if (layer.start + timesteps + chunk > steps) return ["the program ends before its last value"];
  return [];
}

function placeFaults({ cores }: LoihiProgram): readonly string[] {
  const found = new Map<string, number>();
  return cores.flatMap(({ tile, slot }, i) => {
    const place = `${tile} ${slot}`;
    const other = found.get(place);
    found.set(place, i);
    return other === undefined ? [] : [`cores ${other} and ${i} both lie in slot ${slot} of tile ${tile}`];
  });
}

/** Every neuron of every population is somewhere, once. */
function neuronFaults({ cores, populations }: LoihiProgram): readonly string[] {
  // Before memory is taken for what a file only says.
  const there = cores.reduce((sum, core) => sum + sendersOf(core), 0);
  const expected = populations.reduce((sum, { neurons }) => sum + neurons, 0);
  if (there !== expected) return [`${there} neurons lie in cores, the populations have ${expected}`];
  const seen = populations.map(({ neurons }) => new Uint8Array(neurons));
  const kinds = populations.map(() => new Set<string>());
  const faults: string[] = [];
  const see = (population: number, neuron: number): void => {
    if (seen[population]![neuron] === 1)
      faults.push(`neuron ${neuron} of \`${populations[population]!.name}\` is there twice`);
    seen[population]![neuron] = 1;
  };
  for (const core of cores) {
    if (core.kind === "neuro") {
      for (const { population, neurons, kind } of core.groups) {
        kinds[population]!.add(kind);
        for (const neuron of neurons) see(population, neuron);
      }
      continue;
    }
    const { population, tokens, firstChannel, heads, headDim } = core;
    kinds[population]!.add("attention");
    const channels = populations[population]!.neurons / tokens;
    for (let n = 0; n < tokens; n++) {
      for (let c = 0; c < heads * headDim; c++) see(population, n * channels + firstChannel + c);
    }
  }
  populations.forEach(({ name }, p) => {
    const missing = seen[p]!.indexOf(0);
    if (missing !== -1) faults.push(`neuron ${missing} of \`${name}\` is in no core`);
    if (kinds[p]!.size > 1) faults.push(`\`${name}\` is ${[...kinds[p]!].join(" and ")}`);
  });
  return faults.slice(0, 20);
}

function routeFaults({ start, core, axon }: Routes, { cores }: LoihiProgram, who: string): readonly string[] {
  /** Who sent to a core last. */
  const latest = new Map<number, number>();
  for (let i = 0; i + 1 < start.length; i++) {
    for (let r = start[i]!; r < start[i + 1]!; r++) {
      const to = core[r]!;
      const target = cores[to];
      if (target === undefined) return [`${who}: sender ${i} sends to core ${to}, which is not there`];
      if (axon[r]! < 0 || axon[r]! >= axonsOf(target)) {
        return [`${who}: sender ${i} sends to axon ${axon[r]} of core ${to}`];
      }
      if (latest.get(to) === i) return [`${who}: sender ${i} sends twice to core ${to}`];
      latest.set(to, i);
    }
  }
  return [];
}

function inputFaults({ name, shape, routes }: LoihiInput, program: LoihiProgram): readonly string[] {
  const { start, core, axon } = routes;
  const who = `input \`${name}\``;
  if (!isCut(start, elements(shape), core.length) || axon.length !== core.length)
    return [`${who}: its routes are not those of its elements`];
  return routeFaults(routes, program, who);
}

/** Sums of what may arrive for a compartment in one step must be exact, whatever the payloads. */
function sumFaults(program: LoihiProgram): readonly string[] {
  const { cores, inputs, chip } = program;
  const payload = chip.numerics.gradedBits === 0 ? 1 : 2 ** (chip.numerics.gradedBits - 1);
  /** By core and axon, the payloads that can arrive there, added up. */
  const arriving = cores.map((core) => new Float64Array(core.kind === "neuro" ? axonsOf(core) : 0));
  const send = ({ start, core, axon }: Routes, sender: number, most: number): void => {
    for (let r = start[sender]!; r < start[sender + 1]!; r++) {
      const table = arriving[core[r]!]!;
      if (table.length > 0) table[axon[r]!]! += most;
    }
  };
  for (const core of cores) {
    if (core.kind === "neuro") {
      for (const { first, neurons, kind } of core.groups) {
        neurons.forEach((_, c) => send(core.routes, first + c, kind === "relay" ? payload : 1));
      }
    } else {
      for (let o = 0; o < sendersOf(core); o++) send(core.routes, o, payload);
    }
  }
  for (const { routes, format } of inputs) {
    for (let i = 0; i + 1 < routes.start.length; i++) send(routes, i, format === "graded" ? payload : 1);
  }
  return cores.flatMap((core, i) => {
    if (core.kind === "attention") return [];
    const sums = new Float64Array(sendersOf(core));
    const { axons, lists } = core;
    arriving[i]!.forEach((most, a) => {
      for (let e = axons.start[a]!; e < axons.start[a + 1]!; e++) {
        const list = axons.list[e]!;
        for (let k = lists.start[list]!; k < lists.start[list + 1]!; k++) {
          sums[axons.base[e]! + lists.target[k]!]! += Math.abs(lists.weight[k]!) * most;
        }
      }
    });
    const worst = sums.findIndex((sum) => sum >= MAX_SUM);
    return worst === -1
      ? []
      : [`core ${i}: what arrives for compartment ${worst} can reach ${sums[worst]}, sums are exact below 2^53`];
  });
}
