import type { AttentionCore, LoihiProgram } from "../../../backends/program/loihi/program.js";
import { internalError } from "../../../diagnostics/index.js";
import { wideMessage } from "../../diagnostics.js";
import type { RunningCore } from "./core.js";
import type { Counts } from "./counts.js";
import { fits } from "./payload.js";
import type { Sender } from "./sender.js";

/** Operands, in the order of axons. */
const [QUERY, KEY, VALUE] = [0, 1, 2] as const;
const OPERANDS = 3;
/** A chunk is used while the next one is received. */
const SETS = 2;

/** A core that computes heads of a STAtten layer: docs/loihi-chip.md, section 6. */
export class RunningAttentionCore implements RunningCore {
  readonly synapseTime: Float64Array;
  /** Bits of one operand in one timestep, [tokens, channels]. */
  private readonly bits: number;
  private readonly channels: number;
  /** Operands of the timestep that is worked off and of the one that arrives, [2, OPERANDS, tokens, channels]. */
  private readonly received: Uint8Array;
  /** Queries of two chunks, [2 * chunk, tokens, channels]. */
  private readonly queries: Uint8Array;
  /** k by v, [SETS, heads, headDim, headDim]. */
  private readonly counters: Int32Array;
  private readonly values: Float64Array;
  private readonly active: Int32Array;
  private readonly start: number;
  private readonly layer: number;
  /** Group additions of one event, and ps of one. */
  private readonly groups: number;
  private readonly groupTime: number;
  private readonly clearTime: number;
  private readonly lockstep: boolean;

  constructor(
    private readonly core: AttentionCore,
    private readonly index: number,
    private readonly program: LoihiProgram,
    private readonly sender: Sender,
    private readonly counts: Counts,
  ) {
    const { attention, time } = program.chip;
    if (attention === undefined) throw internalError("a program with attention cores for a chip without");
    const { heads, headDim, tokens, chunk } = core;
    this.channels = heads * headDim;
    this.bits = tokens * this.channels;
    this.received = new Uint8Array(2 * OPERANDS * this.bits);
    this.queries = new Uint8Array(SETS * chunk * this.bits);
    this.counters = new Int32Array(SETS * heads * headDim ** 2);
    this.values = new Float64Array(headDim);
    this.active = new Int32Array(headDim);
    this.synapseTime = new Float64Array(OPERANDS * this.bits);
    const population = program.populations[core.population]!;
    this.start = population.start;
    this.layer = population.layer;
    this.groups = Math.ceil(headDim / attention.lanes);
    this.groupTime = time.attention;
    this.clearTime = heads * Math.ceil(headDim ** 2 / attention.lanes) * time.attention;
    this.lockstep = attention.mode === "lockstep";
  }

  receive(axon: number, _payload: number, step: number): void {
    const timestep = step + 1 - this.start;
    if (timestep >= 0 && timestep < this.program.timesteps) this.received[this.half(timestep) + axon] = 1;
  }

  layerOf(): number {
    return this.layer;
  }

  begin(): void {
    this.sender.begin();
    for (const state of [this.received, this.queries, this.counters]) state.fill(0);
  }

  phase(step: number, begin: number): number {
    const { chunk } = this.core;
    const timestep = step - this.start;
    const leaving = timestep - chunk;
    let time = begin;
    if (timestep >= 0 && timestep < this.program.timesteps) {
      if (timestep % chunk === 0) {
        time += this.clearTime;
        this.set(timestep).fill(0);
      }
      time += this.addKeys(timestep, step);
    }
    if (leaving >= 0 && leaving < this.program.timesteps) {
      if (!this.lockstep) time += this.countQueries(leaving, step);
      time = this.leave(leaving, step, time);
    }
    return time;
  }

  /** Timesteps whose queries a lockstep chip works off behind a step. */
  stopsFor(step: number): number {
    const timestep = step - this.start;
    const { chunk } = this.core;
    if (!this.lockstep || timestep < 0 || timestep >= this.program.timesteps) return 0;
    return (timestep + 1) % chunk === 0 ? chunk : 0;
  }

  /** ps for the queries of timestep i of the chunk that ends in a step. */
  workOff(step: number, i: number): number {
    return this.countQueries(step - this.start + 1 - this.core.chunk + i, step);
  }

  /** Adds the outer products of a timestep to the counters of its chunk, and keeps its queries; ps of it. */
  private addKeys(timestep: number, step: number): number {
    const { heads, headDim, tokens } = this.core;
    const { active, bits, channels } = this;
    const counters = this.set(timestep);
    const half = this.half(timestep);
    const operand = (which: number): Uint8Array =>
      this.received.subarray(half + which * bits, half + (which + 1) * bits);
    const [keys, values] = [operand(KEY), operand(VALUE)];
    let events = 0;
    for (let token = 0; token < tokens; token++) {
      for (let head = 0; head < heads; head++) {
        const first = token * channels + head * headDim;
        let set = 0;
        for (let j = 0; j < headDim; j++) if (values[first + j] === 1) active[set++] = j;
        for (let i = 0; i < headDim; i++) {
          if (keys[first + i] !== 1) continue;
          events++;
          const row = (head * headDim + i) * headDim;
          for (let n = 0; n < set; n++) counters[row + active[n]!]!++;
        }
      }
    }
    this.queriesOf(timestep).set(operand(QUERY));
    this.received.fill(0, half, half + OPERANDS * bits);
    return this.count("kv", events, step);
  }

  /** ps of the queries of a timestep. */
  private countQueries(timestep: number, step: number): number {
    const events = this.queriesOf(timestep).reduce((sum, bit) => sum + bit, 0);
    return this.count("qa", events, step);
  }

  private count(event: "kv" | "qa", events: number, step: number): number {
    this.counts.add(this.layer, event, step, events * this.groups);
    return events * this.groups * this.groupTime;
  }

  /** Sends the values of a timestep, from `begin` on; returns when the last message has left. */
  private leave(timestep: number, step: number, begin: number): number {
    const { heads, headDim, tokens } = this.core;
    const { values, sender, channels } = this;
    const { numerics, time: times } = this.program.chip;
    const counters = this.set(timestep);
    const queries = this.queriesOf(timestep);
    let time = begin;
    let spikes = 0;
    for (let token = 0; token < tokens; token++) {
      for (let head = 0; head < heads; head++) {
        const first = token * channels + head * headDim;
        values.fill(0);
        for (let i = 0; i < headDim; i++) {
          if (queries[first + i] !== 1) continue;
          const row = (head * headDim + i) * headDim;
          for (let j = 0; j < headDim; j++) values[j]! += counters[row + j]!;
        }
        for (let j = 0; j < headDim; j++) {
          const value = values[j]!;
          if (value === 0) continue;
          if (!fits(value, numerics.gradedBits)) {
            const name = `output ${first + j} of attention core ${this.index}`;
            throw wideMessage(name, step, value, numerics.gradedBits);
          }
          spikes++;
          time = sender.send(first + j, value, step, time + times.spikeOut);
        }
      }
    }
    this.counts.add(this.layer, "spike", step, spikes);
    sender.count(this.layer, step);
    return time;
  }

  /** Where the operands of a timestep begin. */
  private half(timestep: number): number {
    return (timestep % 2) * OPERANDS * this.bits;
  }

  /** Counters of the chunk of a timestep. */
  private set(timestep: number): Int32Array {
    const size = this.counters.length / SETS;
    const first = (Math.floor(timestep / this.core.chunk) % SETS) * size;
    return this.counters.subarray(first, first + size);
  }

  private queriesOf(timestep: number): Uint8Array {
    const first = (timestep % (SETS * this.core.chunk)) * this.bits;
    return this.queries.subarray(first, first + this.bits);
  }
}
