import type { AttentionCore } from "../../../backends/program/loihi/program.js";
import { internalError } from "../../../diagnostics/index.js";
import { wideMessage } from "../../diagnostics.js";
import type { Work } from "./clock.js";
import type { RunningCore, Surroundings } from "./core.js";
import { fits, type HostValue } from "./host.js";

const Q = 0;
const K = 1;
const V = 2;

/** Heads of one STAtten layer: docs/loihi-chip.md, section 6. */
export class RunningAttentionCore implements RunningCore {
  private readonly channels: number;
  /** Spikes of a timestep: axons of the core. */
  private readonly operands: readonly Uint8Array[];
  /** K^T V of a chunk, [set][channel i, channel j of its head]; sets serve chunks in turn. */
  private readonly sets: readonly Float64Array[];
  /** Of a lockstep chip: values of the timesteps of a chunk, worked off before they leave. */
  private waiting: Float64Array[] = [];
  private readonly lanes: number;
  private readonly lockstep: boolean;
  private readonly start: number;
  private readonly layer: number;

  constructor(
    private readonly core: AttentionCore,
    private readonly at: Surroundings,
  ) {
    const { chip, timesteps, populations } = at.program;
    if (chip.attention === undefined) throw internalError(`${chip.name} has no attention cores`);
    const { tokens, heads, headDim, population } = core;
    this.channels = heads * headDim;
    this.lanes = chip.attention.lanes;
    this.lockstep = chip.attention.mode === "lockstep";
    this.start = populations[population]!.start;
    this.layer = populations[population]!.layer;
    this.operands = Array.from({ length: timesteps }, () => new Uint8Array(3 * tokens * this.channels));
    this.sets = Array.from({ length: this.lockstep ? 1 : 2 }, () => new Float64Array(this.channels * headDim));
  }

  *phase(step: number, values: readonly HostValue[]): Work {
    const { counts, ticks, program } = this.at;
    const { chunk } = this.core;
    for (const { axon } of values) {
      yield ticks.hostInput;
      counts.add("hostInput", this.layer);
      this.note(axon, step - this.start);
    }
    const received = step - this.start;
    const leaving = received - chunk;
    if (received >= 0 && received < program.timesteps) {
      if (received % chunk === 0) yield* this.clear(received);
      yield* this.addKeys(received);
    }
    if (leaving >= 0 && leaving < program.timesteps) {
      if (!this.lockstep) this.waiting[leaving % chunk] = yield* this.query(leaving);
      yield* this.send(this.waiting[leaving % chunk]!, step);
    }
  }

  /** Takes no time beyond `messageIn`. */
  receive(axon: number, _payload: number, step: number): Iterable<number> {
    this.note(axon, step - this.start + 1);
    return [];
  }

  /** Timesteps whose queries the whole chip waits for behind this step. */
  stopsFor(step: number): number {
    const received = step - this.start;
    const inTime = received >= 0 && received < this.at.program.timesteps;
    return this.lockstep && inTime && (received + 1) % this.core.chunk === 0 ? this.core.chunk : 0;
  }

  /** The queries of the i-th timestep of the chunk that ended with this step. */
  *workOff(step: number, i: number): Work {
    const first = step - this.start + 1 - this.core.chunk;
    this.waiting[i] = yield* this.query(first + i);
  }

  private note(axon: number, timestep: number): void {
    const spikes = this.operands[timestep];
    if (spikes !== undefined) spikes[axon] = 1;
  }

  private spike(timestep: number, operand: number, token: number, channel: number): boolean {
    return this.operands[timestep]![(operand * this.core.tokens + token) * this.channels + channel] === 1;
  }

  private setOf(timestep: number): Float64Array {
    return this.sets[Math.floor(timestep / this.core.chunk) % this.sets.length]!;
  }

  private *clear(timestep: number): Work {
    const { heads, headDim } = this.core;
    for (let head = 0; head < heads; head++) {
      for (let cleared = 0; cleared < headDim ** 2; cleared += this.lanes) yield this.at.ticks.attention;
    }
    this.setOf(timestep).fill(0);
  }

  /** Each k event adds its token's v spikes of the head to its row. */
  private *addKeys(timestep: number): Work {
    const { tokens, headDim } = this.core;
    const set = this.setOf(timestep);
    for (let token = 0; token < tokens; token++) {
      for (let i = 0; i < this.channels; i++) {
        if (!this.spike(timestep, K, token, i)) continue;
        const head = i - (i % headDim);
        yield* this.groups("kv", (j) => {
          if (this.spike(timestep, V, token, head + j)) set[i * headDim + j]! += 1;
        });
      }
    }
  }

  /** Each q event adds its row to its token's values of the head. */
  private *query(timestep: number): Generator<number, Float64Array> {
    const { tokens, headDim } = this.core;
    const set = this.setOf(timestep);
    const values = new Float64Array(tokens * this.channels);
    for (let token = 0; token < tokens; token++) {
      for (let i = 0; i < this.channels; i++) {
        if (!this.spike(timestep, Q, token, i)) continue;
        const head = i - (i % headDim);
        yield* this.groups("qa", (j) => {
          values[token * this.channels + head + j]! += set[i * headDim + j]!;
        });
      }
    }
    return values;
  }

  /** Additions to a row, `lanes` at a time. */
  private *groups(event: "kv" | "qa", add: (j: number) => void): Generator<number, void> {
    const { headDim } = this.core;
    for (let group = 0; group < headDim; group += this.lanes) {
      yield this.at.ticks.attention;
      this.at.counts.add(event, this.layer);
      for (let j = group; j < Math.min(headDim, group + this.lanes); j++) add(j);
    }
  }

  private *send(values: Float64Array, step: number): Work {
    const { ticks, counts, program } = this.at;
    const { start, core, axon } = this.core.routes;
    const { gradedBits } = program.chip.numerics;
    for (const [i, value] of values.entries()) {
      if (value === 0) continue;
      if (!fits(value, gradedBits))
        throw wideMessage(`output ${i} of attention core ${this.at.index}`, step, value, gradedBits);
      yield ticks.spikeOut;
      counts.add("spike", this.layer);
      for (let route = start[i]!; route < start[i + 1]!; route++) {
        yield ticks.messageOut;
        this.at.send(core[route]!, axon[route]!, value, this.layer);
      }
    }
  }
}
