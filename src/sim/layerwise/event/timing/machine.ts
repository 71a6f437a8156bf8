import { ENGINES, MEMORIES, type Instruction } from "../../../../backends/program/instruction.js";
import type { Program } from "../../../../backends/program/program.js";
import type { RunOptions } from "../../machine.js";
import { ENGINE_STATES } from "../../result.js";
import type { Work } from "../work.js";
import { memoriesOf, Ports } from "./ports.js";
import { Queues } from "./queues.js";
import { Traffic } from "./traffic.js";
import { memoryOf, type Access } from "./script.js";
import { BUSY, DRAM_WAIT, PORT, Transfers, type Fate } from "./transfers.js";
import { Workers } from "./workers.js";

/** States of an engine without an instruction: positions in ENGINE_STATES. */
const TOKEN = 3;
const QUEUE = 4;
const IDLE = 5;
const STATES = ENGINE_STATES.length;

const LOAD = ENGINES.indexOf("load");
const STORE = ENGINES.indexOf("store");

/**
 * The clock. A cycle in which an instruction is dispatched, issued or ends, or in which two engines meet at a bank, is done in
 * its two phases (docs/layerwise-chip.md, section 2). Between such cycles engines cannot influence each other, and time jumps:
 * engines at work are functions of time (workers.ts), only transfers are moved word by word and burst by burst.
 */
export class TimingMachine {
  cycle = 0;
  readonly queues: Queues;
  readonly ports: Ports;
  readonly traffic: Traffic;
  /** The instruction of each engine; -1 where none. */
  readonly active = new Int32Array(ENGINES.length).fill(-1);
  /** Cycles by engine and state. */
  readonly states = new Float64Array(ENGINES.length * STATES);
  private readonly order: Uint8Array;
  private readonly workers: Workers;
  private readonly transfers: Transfers;
  private readonly status = new Uint8Array(ENGINES.length);
  private readonly issued = new Float64Array(ENGINES.length);
  /** By dispatched instruction, until it starts. */
  private readonly works = new Map<number, Work>();
  private ended = 0;
  /** Whether the last cycle changed what may be dispatched or issued in this one. */
  private stirred = true;
  /** No two workers meet at a bank before this cycle. */
  private clear = 0;

  constructor(
    private readonly program: Program,
    /** Does what an instruction does, and says what its timing depends on. Called at dispatch, hence in program order. */
    private readonly execute: (instruction: Instruction) => Work,
    private readonly onInstruction: RunOptions["onInstruction"],
  ) {
    const { chip } = program;
    this.queues = new Queues(program);
    this.ports = new Ports(chip.memories);
    this.order = Uint8Array.from(chip.priority, (name) => ENGINES.indexOf(name));
    this.traffic = new Traffic(program);
    this.workers = new Workers(chip, this.traffic);
    this.transfers = new Transfers(chip);
  }

  /** Runs to the end of the program, to the cycle `limit`, or until nothing can ever change again. */
  run(limit: number): "ended" | "limit" | "deadlock" {
    const total = this.program.instructions.length;
    while (this.ended < total) {
      if (this.cycle >= limit) return "limit";
      if (!this.stirred && this.jump(limit)) continue;
      if (!this.step()) return "deadlock";
    }
    return "ended";
  }

  /** One cycle in its two phases; false if nothing can ever change again. */
  private step(): boolean {
    const { cycle, queues, ports, transfers, workers, active, status } = this;
    ports.startCycle();
    transfers.request(cycle);
    const dispatch = queues.dispatchesTo();
    let loadMoves = false;
    let storeMoves = false;
    let ends = 0;
    let denied = false;
    for (const e of this.order) {
      if (active[e]! < 0) {
        status[e] = this.waitingState(e);
        if (status[e] === BUSY) queues.consume(e);
      } else if (e === LOAD) loadMoves = ports.moves(e, transfers.load.access);
      else if (e === STORE) storeMoves = ports.moves(e, transfers.store.access);
      else {
        const got = workers.ask(e, cycle, ports);
        status[e] = got.busy ? BUSY : PORT;
        if (got.denied) denied = true;
        else if (workers.last(e) === cycle) ends |= 1 << e;
      }
    }
    ends |= this.commitTransfers(loadMoves, storeMoves);

    let busy = false;
    let issues = false;
    for (const e of this.order) {
      this.states[e * STATES + status[e]!]!++;
      if (status[e] !== BUSY) continue;
      busy = true;
      if (active[e]! < 0) {
        this.issue(e);
        issues = true;
      } else if ((ends & (1 << e)) !== 0) this.finish(e);
    }
    const waiting = transfers.waiting(cycle);
    if (dispatch >= 0) {
      const index = queues.append(dispatch);
      this.works.set(index, this.execute(this.program.instructions[index]!));
    }
    this.stirred = dispatch >= 0 || issues || ends !== 0;
    this.cycle++;
    this.clear = denied || issues ? this.cycle : Math.max(this.clear, this.cycle);
    return busy || dispatch >= 0 || waiting;
  }

  /**
   * Lets cycles go by in which nothing is dispatched or issued, no worker ends and nobody is denied a port. False if there is no
   * such cycle, or if everybody waits for ever.
   */
  private jump(limit: number): boolean {
    const { workers, transfers, states, active, cycle: from } = this;
    let to = limit;
    for (const e of workers.busy) to = Math.min(to, workers.last(e));
    if (to > this.clear) this.clear = workers.meeting(this.clear, to, this.ports.contested);
    to = Math.min(to, this.clear);
    if (to <= from) return false;
    const [loads, stores] = [transfers.load.active, transfers.store.active];
    if (transfers.active) this.moveTransfers(to);
    else if (workers.busy.length > 0) {
      transfers.skip(to - from);
      this.cycle = to;
    }
    const cycles = this.cycle - from;
    if (cycles === 0) return false;
    // Every other engine stays in one state: at work, or that of the cycle before.
    for (let e = 0; e < ENGINES.length; e++) {
      if ((e === LOAD && loads) || (e === STORE && stores)) continue;
      states[e * STATES + (active[e]! < 0 ? this.status[e]! : BUSY)]! += cycles;
    }
    return true;
  }

  /** Moves load, while store does nothing, until `to`, until it ends, or until it would take a port from somebody. */
  private moveLoad(to: number): void {
    const { states, ports } = this;
    const { load } = this.transfers;
    const run = this.transfers.moveLoad(this.cycle, to, (access, cycle) => this.fateOfLoad(access, cycle));
    states[LOAD * STATES + BUSY]! += run.busy;
    states[LOAD * STATES + PORT]! += run.ported;
    states[LOAD * STATES + DRAM_WAIT]! += run.waiting;
    ports.denied[LOAD * MEMORIES.length + load.memory]! += run.denied;
    this.cycle = run.cycle;
    if (!run.ended) return;
    this.finish(LOAD, this.cycle - 1);
    this.stirred = true;
  }

  /** What becomes of an access of load in a cycle in which workers do not meet each other. */
  private fateOfLoad(access: Access, cycle: number): Fate {
    const other = this.workers.whoMeets(access, cycle, this.ports.contested);
    if (other < 0) return "granted";
    const before = this.order.indexOf(other) < this.order.indexOf(LOAD);
    return before && this.ports.areSingle(memoryOf(access)) ? "denied" : "disturbs";
  }

  /** Moves load and store until `to`, until one of them ends, or until one of them may meet somebody at a bank. */
  private moveTransfers(to: number): void {
    const { transfers, workers, states } = this;
    const { contested } = this.ports;
    const { load, store } = transfers;
    if (!store.active) return this.moveLoad(to);
    while (this.cycle < to && !this.stirred) {
      const { cycle } = this;
      transfers.request(cycle);
      const idle = Math.min(transfers.idleCycles(cycle), to - cycle);
      if (idle === Infinity) break;
      if (idle > 0) {
        transfers.skip(idle);
        if (load.active) states[LOAD * STATES + DRAM_WAIT]! += idle;
        if (store.active) states[STORE * STATES + DRAM_WAIT]! += idle;
        this.cycle += idle;
        continue;
      }
      if (workers.meets(load.access, cycle, contested) || workers.meets(store.access, cycle, contested)) break;
      if (load.access !== 0 && load.access === store.access) break;
      const ends = this.commitTransfers(load.access !== 0, store.access !== 0);
      if (load.active) states[LOAD * STATES + load.state]!++;
      if (store.active) states[STORE * STATES + store.state]!++;
      if (ends !== 0) {
        for (const e of this.order) if ((ends & (1 << e)) !== 0) this.finish(e);
        this.stirred = true;
      }
      this.cycle++;
    }
  }

  /** Second phase of load and store. Says who ended, one bit per engine. */
  private commitTransfers(loadMoves: boolean, storeMoves: boolean): number {
    const { transfers, status } = this;
    const { load, store } = transfers;
    transfers.commit(this.cycle, loadMoves, storeMoves);
    if (load.active) status[LOAD] = load.state;
    if (store.active) status[STORE] = store.state;
    return (load.ended ? 1 << LOAD : 0) | (store.ended ? 1 << STORE : 0);
  }

  /** An engine without an instruction: BUSY if it can issue the head of its queue. */
  private waitingState(engine: number): number {
    const { queues } = this;
    if (queues.head(engine) === undefined) return queues.left > 0 ? QUEUE : IDLE;
    return queues.ready(engine) ? BUSY : TOKEN;
  }

  /** Takes the next instruction of an engine's queue; its work starts in the next cycle. */
  private issue(engine: number): void {
    const index = this.queues.take(engine);
    const instruction = this.program.instructions[index]!;
    this.active[engine] = index;
    this.issued[engine] = this.cycle;
    this.ports.use(memoriesOf(instruction), 1);
    const work = this.works.get(index);
    this.works.delete(index);
    if (instruction.op !== "load" && instruction.op !== "store") {
      this.workers.begin(engine, instruction, work, this.cycle + 1);
      return;
    }
    this.traffic.add(instruction, work);
    if (instruction.op === "load") this.transfers.load.begin(instruction.fields);
    else this.transfers.store.begin(instruction.fields);
  }

  /** Ends the instruction of an engine: its signals are visible in the next cycle. */
  private finish(engine: number, cycle = this.cycle): void {
    const index = this.active[engine]!;
    this.active[engine] = -1;
    this.ended++;
    this.ports.use(memoriesOf(this.program.instructions[index]!), -1);
    if (engine === LOAD) this.transfers.load.active = false;
    else if (engine === STORE) this.transfers.store.active = false;
    else this.workers.end(engine);
    this.queues.signal(index);
    this.onInstruction?.(ENGINES[engine]!, index, this.issued[engine]!, cycle);
  }
}
