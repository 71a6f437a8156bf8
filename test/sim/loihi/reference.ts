import type { AttentionCore, LoihiProgram, NeuroCore } from "../../../src/backends/program/loihi/program.js";
import { routesOf, synapsesOf } from "./build.js";
import { referenceCrossbar, referenceUpdate } from "./reference-update.js";

/**
 * What a program computes and counts, without time: docs/loihi-chip.md read as plainly as possible, in BigInt, step by step over
 * all that was ever sent.
 */
export interface Reference {
  /** By population, [timesteps, neurons]. */
  readonly spikes: readonly (readonly number[])[];
  readonly u: readonly (readonly number[])[];
  readonly v: readonly (readonly number[])[];
  /** How often by `layer step event`; synaptic events are `synapse FORMAT`. */
  readonly counts: ReadonlyMap<string, number>;
  /** Messages by core. */
  readonly sent: readonly number[];
  readonly received: readonly number[];
  /** Messages by `from to`. */
  readonly links: ReadonlyMap<string, number>;
  /** Messages and host values that found the bit of their axon set. */
  readonly merged: number;
}

export function reference(program: LoihiProgram, inputs: ReadonlyMap<string, ArrayLike<number>>): Reference {
  return new Interpreter(program, inputs).run();
}

class Interpreter {
  private readonly spikes: number[][];
  private readonly u: number[][];
  private readonly v: number[][];
  private readonly counts = new Map<string, number>();
  private readonly sent: number[];
  private readonly received: number[];
  private readonly links = new Map<string, number>();
  /** Sum of what acts, by `core compartment step`. */
  private readonly sums = new Map<string, bigint>();
  /** Operand bits that are set, as `core timestep axon`. */
  private readonly bits = new Set<string>();
  /** State by `core compartment`. */
  private readonly states = new Map<string, { u: bigint; v: bigint; rest: number }>();
  /** Bits of the axons of crossbar cores that are set, as `core axon step of sending`. */
  private readonly axonBits = new Set<string>();
  private merged = 0;
  private step = 0;

  constructor(
    private readonly program: LoihiProgram,
    private readonly inputs: ReadonlyMap<string, ArrayLike<number>>,
  ) {
    const zeros = (): number[][] =>
      program.populations.map(({ neurons }) => Array.from({ length: program.timesteps * neurons }, () => 0));
    [this.spikes, this.u, this.v] = [zeros(), zeros(), zeros()];
    [this.sent, this.received] = [program.cores.map(() => 0), program.cores.map(() => 0)];
  }

  run(): Reference {
    const { program, spikes, u, v, counts, sent, received, links } = this;
    for (this.step = 0; this.step < program.steps; this.step++) {
      this.hostInputs();
      program.cores.forEach((core, i) => (core.kind === "neuro" ? this.neurons(core, i) : this.attention(core, i)));
    }
    return { spikes, u, v, counts, sent, received, links, merged: this.merged };
  }

  private count(event: string, layer: number, times = 1): void {
    const key = `${layer} ${this.step} ${event}`;
    if (times > 0) this.counts.set(key, (this.counts.get(key) ?? 0) + times);
  }

  private layerOf(population: number): number {
    return this.program.populations[population]!.layer;
  }

  private populationAt(core: NeuroCore, compartment: number): number {
    return core.groups.find(({ first, neurons }) => compartment >= first && compartment < first + neurons.length)!
      .population;
  }

  /** What arrives at an axon, as if it had been sent in step `sent`. */
  private deliver(index: number, axon: number, payload: number, sent: number): void {
    const core = this.program.cores[index]!;
    if (core.kind === "attention") {
      this.bits.add(`${index} ${sent + 1 - this.program.populations[core.population]!.start} ${axon}`);
      return;
    }
    const bit = `${index} ${axon} ${sent}`;
    const acts = this.program.chip.numerics.profile !== "truenorth" || !this.axonBits.has(bit);
    this.axonBits.add(bit);
    if (!acts) this.merged++;
    for (const { target, weight, delay, format } of synapsesOf(core, axon)) {
      this.count(`synapse ${format}`, this.layerOf(this.populationAt(core, target)));
      if (!acts) continue;
      const key = `${index} ${target} ${sent + delay}`;
      this.sums.set(key, (this.sums.get(key) ?? 0n) + BigInt(weight) * BigInt(payload));
    }
  }

  private hostInputs(): void {
    for (const { name, start, shape, routes } of this.program.inputs) {
      const timestep = this.step - start;
      if (timestep < 0 || timestep >= this.program.timesteps) continue;
      const elements = shape.reduce((product, n) => product * n, 1);
      for (let element = 0; element < elements; element++) {
        const value = this.inputs.get(name)![timestep * elements + element]!;
        if (value === 0) continue;
        for (const { core: index, axon } of routesOf(routes, element)) {
          const core = this.program.cores[index]!;
          const first = core.kind === "attention" ? undefined : synapsesOf(core, axon)[0];
          const population = core.kind === "attention" ? core.population : this.populationAt(core, first?.target ?? 0);
          this.count("hostInput", this.layerOf(population));
          this.deliver(index, axon, value, this.step - 1);
        }
      }
    }
  }

  private send(source: number, sender: number, payload: number, layer: number): void {
    const { cores } = this.program;
    this.count("spike", layer);
    for (const { core, axon } of routesOf(cores[source]!.routes, sender)) {
      this.count("message", layer);
      this.sent[source]!++;
      this.received[core]!++;
      this.hops(cores[source]!.tile, cores[core]!.tile, layer);
      this.deliver(core, axon, payload, this.step);
    }
  }

  private hops(from: number, to: number, layer: number): void {
    const { mesh } = this.program.chip;
    const width = mesh.tilesX * mesh.chipsX;
    let [x, y] = [from % width, Math.floor(from / width)];
    const [toX, toY] = [to % width, Math.floor(to / width)];
    if (from === to) this.count("withinTile", layer);
    while (x !== toX || y !== toY) {
      const [nextX, nextY] = x !== toX ? [x + Math.sign(toX - x), y] : [x, y + Math.sign(toY - y)];
      const sameChip =
        Math.floor(x / mesh.tilesX) === Math.floor(nextX / mesh.tilesX) &&
        Math.floor(y / mesh.tilesY) === Math.floor(nextY / mesh.tilesY);
      this.count(!sameChip ? "chipHop" : x !== nextX ? "hopX" : "hopY", layer);
      const link = `${y * width + x} ${nextY * width + nextX}`;
      this.links.set(link, (this.links.get(link) ?? 0) + 1);
      [x, y] = [nextX, nextY];
    }
  }

  private neurons(core: NeuroCore, index: number): void {
    const { profile, stateBits } = this.program.chip.numerics;
    for (const group of core.groups) {
      const { start, neurons } = this.program.populations[group.population]!;
      const layer = this.layerOf(group.population);
      const timestep = this.step - start;
      for (const [i, neuron] of group.neurons.entries()) {
        this.count("access", layer);
        if (timestep < 0 || timestep >= this.program.timesteps) continue;
        const compartment = group.first + i;
        const q = this.sums.get(`${index} ${compartment} ${this.step}`) ?? 0n;
        const at = timestep * neurons + neuron;
        if (group.kind === "relay") {
          if (q === 0n) continue;
          this.count("update", layer);
          this.spikes[group.population]![at] = 1;
          this.send(index, compartment, Number(q), layer);
          continue;
        }
        const key = `${index} ${compartment}`;
        const state = this.states.get(key) ?? { u: 0n, v: 0n, rest: 0 };
        const bias = group.bias[i]!;
        if (profile === "truenorth" || q !== 0n || state.u !== 0n || state.v !== 0n || bias !== 0)
          this.count("update", layer);
        const threshold = group.threshold[i]!;
        const next =
          profile === "truenorth"
            ? {
                u: 0n,
                rest: 0,
                ...referenceCrossbar(state, q, { ...group.crossbar!, leak: bias, threshold }, stateBits),
              }
            : referenceUpdate(profile, state, q, { ...group, bias, threshold });
        this.count("saturation", layer, next.saturated);
        this.states.set(key, next);
        this.u[group.population]![at] = Number(next.u);
        this.v[group.population]![at] = Number(next.v);
        if (!next.fired) continue;
        this.spikes[group.population]![at] = 1;
        this.send(index, compartment, 1, layer);
      }
    }
  }

  /** Section 6 as it is written: counters and values of a chunk from all its spikes. */
  private attention(core: AttentionCore, index: number): void {
    const { program } = this;
    const { attention } = program.chip;
    const { tokens, heads, headDim, chunk } = core;
    const channels = heads * headDim;
    const layer = this.layerOf(core.population);
    const groups = Math.ceil(headDim / attention!.lanes);
    const t = this.step - program.populations[core.population]!.start;
    const leaving = t - chunk;
    const bit = (timestep: number, operand: number, token: number, channel: number): number =>
      Number(this.bits.has(`${index} ${timestep} ${(operand * tokens + token) * channels + channel}`));
    const events = (timestep: number, operand: number): number => {
      let sum = 0;
      for (let n = 0; n < tokens; n++) for (let c = 0; c < channels; c++) sum += bit(timestep, operand, n, c);
      return timestep >= 0 && timestep < program.timesteps ? sum : 0;
    };
    this.count("kv", layer, groups * events(t, 1));
    if (attention!.mode === "pipelined") this.count("qa", layer, groups * events(leaving, 0));
    else if ((t + 1) % chunk === 0) {
      for (let i = 0; i < chunk; i++) this.count("qa", layer, groups * events(t - i, 0));
    }
    if (leaving < 0 || leaving >= program.timesteps) return;
    const begin = leaving - (leaving % chunk);
    for (let n = 0; n < tokens; n++) {
      for (let c = 0; c < channels; c++) {
        const head = Math.floor(c / headDim);
        let value = 0;
        for (let i = head * headDim; i < (head + 1) * headDim; i++) {
          let a = 0;
          for (let s = begin; s < begin + chunk; s++) {
            for (let m = 0; m < tokens; m++) a += bit(s, 1, m, i) * bit(s, 2, m, c);
          }
          value += bit(leaving, 0, n, i) * a;
        }
        if (value !== 0) this.send(index, n * channels + c, value, layer);
      }
    }
  }
}
