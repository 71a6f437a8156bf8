import {
  engineOf,
  ENGINES,
  MEMORIES,
  type EngineName,
  type MemoryName,
} from "../../../backends/program/instruction.js";
import type { Program } from "../../../backends/program/program.js";
import type { DiagnosticError } from "../../../diagnostics/index.js";
import { cycleLimit, deadlock } from "../../diagnostics.js";
import { LOAD, STORE } from "./dram.js";
import { Engines, LOAD_ENGINE, STORE_ENGINE } from "./engines.js";
import { BUSY, createHardware, type Hardware } from "./hardware.js";
import type { Machine, Probe, RunOptions } from "../machine.js";
import { readOutputs, writeInputs, type PortValues } from "../ports.js";
import { ENGINE_STATES, type EngineState, type RunResult } from "../result.js";

/** The states of an engine without an active instruction; those with one are in hardware.ts. */
const TOKEN = 3;
const QUEUE = 4;
const IDLE = 5;
const STATES = ENGINE_STATES.length;

export interface SteppedOptions extends RunOptions {
  /** Called after each cycle with the state of each engine: by position in ENGINES, an index into ENGINE_STATES. */
  readonly trace?: (cycle: number, states: Uint8Array) => void;
  /** Layers whose neurons are observed as they fire. Slows the run down, changes nothing in it. */
  readonly probe?: Probe;
}

/** The plain simulator: docs/layerwise-chip.md, cycle by cycle. Allocates all memory of the chip once. */
export function createStepped(program: Program): Machine<SteppedOptions> {
  return new SteppedMachine(program);
}

class SteppedMachine implements Machine<SteppedOptions> {
  private readonly hardware: Hardware;
  private readonly engines: Engines;
  /** Engines in falling priority. */
  private readonly order: Uint8Array;
  private readonly engineOf: Uint8Array;
  /** Waits of instruction i: from waitStart[i] to waitStart[i + 1]; signals alike. */
  private readonly waitStart: Int32Array;
  private readonly waits: Int32Array;
  private readonly signalStart: Int32Array;
  private readonly signals: Int32Array;
  private readonly tokens: Float64Array;
  /** A ring of instructions for each engine. */
  private readonly queue: Int32Array;
  private readonly queueHead = new Int32Array(ENGINES.length);
  private readonly queued = new Int32Array(ENGINES.length);
  /** The instruction each engine works on; -1 where none. */
  private readonly active = new Int32Array(ENGINES.length);
  private readonly issued = new Float64Array(ENGINES.length);
  private readonly status = new Uint8Array(ENGINES.length);
  private readonly states = new Float64Array(ENGINES.length * STATES);
  private readonly depth: number;
  private cycle = 0;
  private dispatched = 0;
  private ended = 0;
  private onInstruction: RunOptions["onInstruction"];

  constructor(private readonly program: Program) {
    const { chip, instructions } = program;
    this.hardware = createHardware(program);
    this.engines = new Engines(this.hardware, chip);
    this.order = Uint8Array.from(chip.priority, (name) => ENGINES.indexOf(name));
    this.engineOf = Uint8Array.from(instructions, ({ op }) => ENGINES.indexOf(engineOf(op)));
    [this.waitStart, this.waits] = flatten(instructions.map(({ waits }) => waits));
    [this.signalStart, this.signals] = flatten(instructions.map(({ signals }) => signals));
    this.tokens = new Float64Array(program.tokens);
    this.depth = chip.queueDepth;
    this.queue = new Int32Array(ENGINES.length * this.depth);
  }

  run(inputs: ReadonlyMap<string, PortValues>, options: SteppedOptions = {}): RunResult {
    const { dram, recorder } = this.hardware;
    const maxCycles = options.maxCycles ?? Infinity;
    const record = options.record === true;
    const { trace } = options;
    this.onInstruction = options.onInstruction;
    this.reset();
    recorder.start(record, options.probe);
    writeInputs(this.program, inputs, dram.bytes);
    const total = this.program.instructions.length;
    while (this.ended < total) {
      if (this.cycle >= maxCycles) throw cycleLimit(this.program, maxCycles);
      if (!this.step()) throw this.deadlock();
      if (trace !== undefined) trace(this.cycle - 1, this.status);
    }
    return {
      cycles: this.cycle,
      engines: this.engineStates(),
      conflicts: this.conflicts(),
      layers: this.hardware.counts.result(this.hardware),
      outputs: readOutputs(this.program, dram.bytes),
      spikes: record ? recorder.result() : undefined,
    };
  }

  private reset(): void {
    const { memories, dram, counts } = this.hardware;
    memories.spike.clear();
    memories.weight.clear();
    memories.data.clear();
    dram.clear(this.program.weights);
    counts.clear();
    this.engines.clear();
    this.tokens.fill(0);
    this.queueHead.fill(0);
    this.queued.fill(0);
    this.active.fill(-1);
    this.states.fill(0);
    this.cycle = this.dispatched = this.ended = 0;
  }

  /** One cycle; false if nothing can ever change again. */
  private step(): boolean {
    const { memories, dram } = this.hardware;
    const { active, status, engines } = this;
    const { load, store } = engines;
    memories.spike.now = memories.weight.now = memories.data.now = this.cycle;

    // First phase: wishes and grants, from the old state.
    const dispatch = this.dispatchesTo();
    for (let i = 0; i < this.order.length; i++) {
      const e = this.order[i]!;
      memories.spike.asking = memories.weight.asking = memories.data.asking = e;
      status[e] = active[e]! >= 0 ? engines.request(e, this.cycle) : this.idleStatus(e);
    }
    const loadWants = active[LOAD_ENGINE]! >= 0 && load.wantsBurst;
    const storeWants = active[STORE_ENGINE]! >= 0 && store.wantsBurst;
    const burst = dram.grant(loadWants, storeWants);
    if (burst === LOAD) status[LOAD_ENGINE] = BUSY;
    if (burst === STORE) status[STORE_ENGINE] = BUSY;

    // Second phase: reads before writes, so that a read sees the old word.
    let busy = false;
    for (let e = 0; e < status.length; e++) {
      if (status[e] !== BUSY) continue;
      busy = true;
      if (active[e]! >= 0) engines.commit(e);
    }
    if (burst === LOAD) load.takeBurst(this.cycle);
    if (burst === STORE) store.giveBurst();
    for (let i = 0; i < this.order.length; i++) {
      const e = this.order[i]!;
      this.states[e * STATES + status[e]!] = this.states[e * STATES + status[e]!]! + 1;
      if (status[e] !== BUSY) continue;
      if (active[e]! < 0) this.issue(e);
      else this.finish(e);
    }
    if (dispatch >= 0) this.append(dispatch);
    const waiting = loadWants || storeWants || (active[LOAD_ENGINE]! >= 0 && load.underWay(this.cycle));
    this.cycle++;
    return busy || dispatch >= 0 || waiting;
  }

  /** The engine whose queue takes the next instruction in this cycle; -1 where none does. */
  private dispatchesTo(): number {
    if (this.dispatched === this.engineOf.length) return -1;
    const e = this.engineOf[this.dispatched]!;
    return this.queued[e]! < this.depth ? e : -1;
  }

  private append(e: number): void {
    const slot = (this.queueHead[e]! + this.queued[e]!) % this.depth;
    this.queue[e * this.depth + slot] = this.dispatched++;
    this.queued[e] = this.queued[e]! + 1;
  }

  /** An engine without an active instruction: BUSY if it can issue the head of its queue, whose tokens it takes. */
  private idleStatus(e: number): number {
    if (this.queued[e] === 0) return this.dispatched < this.engineOf.length ? QUEUE : IDLE;
    const head = this.queue[e * this.depth + this.queueHead[e]!]!;
    const from = this.waitStart[head]!;
    const to = this.waitStart[head + 1]!;
    for (let i = from; i < to; i += 2) if (this.tokens[this.waits[i]!]! < this.waits[i + 1]!) return TOKEN;
    for (let i = from; i < to; i += 2) {
      const token = this.waits[i]!;
      this.tokens[token] = this.tokens[token]! - this.waits[i + 1]!;
    }
    return BUSY;
  }

  private issue(e: number): void {
    const instruction = this.queue[e * this.depth + this.queueHead[e]!]!;
    this.queueHead[e] = (this.queueHead[e]! + 1) % this.depth;
    this.queued[e] = this.queued[e]! - 1;
    this.active[e] = instruction;
    this.issued[e] = this.cycle;
    this.engines.start(this.program.instructions[instruction]!);
  }

  /** Writes, and the end of an instruction with its signals. */
  private finish(e: number): void {
    if (!this.engines.write(e)) return;
    const instruction = this.active[e]!;
    const to = this.signalStart[instruction + 1]!;
    for (let i = this.signalStart[instruction]!; i < to; i += 2) {
      const token = this.signals[i]!;
      this.tokens[token] = this.tokens[token]! + this.signals[i + 1]!;
    }
    this.active[e] = -1;
    this.ended++;
    this.onInstruction?.(ENGINES[e]!, instruction, this.issued[e]!, this.cycle);
  }

  private engineStates(): RunResult["engines"] {
    const entries = ENGINES.map((name, e): [EngineName, Record<EngineState, number>] => {
      const states = ENGINE_STATES.map((state, s): [EngineState, number] => [state, this.states[e * STATES + s]!]);
      return [name, Object.fromEntries(states) as Record<EngineState, number>];
    });
    return Object.fromEntries(entries) as RunResult["engines"];
  }

  private conflicts(): RunResult["conflicts"] {
    const { memories } = this.hardware;
    const entries = ENGINES.map((name, e): [EngineName, Record<MemoryName, number>] => {
      const denied = MEMORIES.map((memory): [MemoryName, number] => [memory, memories[memory].denied[e]!]);
      return [name, Object.fromEntries(denied) as Record<MemoryName, number>];
    });
    return Object.fromEntries(entries) as RunResult["conflicts"];
  }

  /** Where every engine stands when none can go on. */
  private deadlock(): DiagnosticError {
    const { program, tokens } = this;
    const engines = ENGINES.map((name, e) => ({
      name,
      active: this.active[e]! >= 0 ? this.active[e]! : undefined,
      head: this.queued[e]! > 0 ? this.queue[e * this.depth + this.queueHead[e]!]! : undefined,
      has: (token: number) => tokens[token]!,
    }));
    return deadlock(program, engines, this.cycle - 1, program.instructions.length - this.dispatched);
  }
}

/** Token uses of all instructions as one list of token, count pairs. */
function flatten(
  uses: readonly (readonly { readonly token: number; readonly count: number }[])[],
): [starts: Int32Array, pairs: Int32Array] {
  const starts = new Int32Array(uses.length + 1);
  uses.forEach((list, i) => (starts[i + 1] = starts[i]! + 2 * list.length));
  return [starts, Int32Array.from(uses.flatMap((list) => list.flatMap(({ token, count }) => [token, count])))];
}
