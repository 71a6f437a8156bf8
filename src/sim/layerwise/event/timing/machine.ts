import { ENGINES, MEMORIES, type Instruction } from "../../../../backends/program/instruction.js";
import type { Program } from "../../../../backends/program/program.js";
import type { RunOptions } from "../../machine.js";
import { ENGINE_STATES } from "../../result.js";
import type { Work } from "../work.js";
import { memoriesOf, Ports } from "./ports.js";
import { Queues } from "./queues.js";
import { Traffic } from "./traffic.js";
import { NOBODY } from "./stretch.js";
import type { Transfer } from "./transfer.js";
import { Transfers, type Fate } from "./transfers.js";
import { Workers } from "./workers.js";

/** Positions in ENGINE_STATES: states of an engine with an instruction, and of one without. */
const BUSY = 0;
const PORT = 1;
const DRAM_WAIT = 2;
const TOKEN = 3;
const QUEUE = 4;
const IDLE = 5;
const STATES = ENGINE_STATES.length;

const LOAD = ENGINES.indexOf("load");
const STORE = ENGINES.indexOf("store");

/**
 * The clock. A cycle in which an instruction is dispatched, issued or ends, or in which two engines meet at a bank, is done in
 * its two phases (docs/layerwise-chip.md, section 2). Between such cycles engines cannot influence each other, and time jumps:
 * engines at work are functions of time (workers.ts), only transfers are moved word by word (transfers.ts).
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
  /** The engines by falling priority, and the place of each among them. */
  private readonly order: Uint8Array;
  private readonly rank: Uint8Array;
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
    this.rank = Uint8Array.from(ENGINES, (name) => chip.priority.indexOf(name));
    this.traffic = new Traffic(program);
    this.workers = new Workers(chip, this.traffic);
    this.transfers = new Transfers(chip, (one, cycle) =>
      this.fate(one, one === this.transfers.load ? LOAD : STORE, cycle),
    );
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
    const { load, store } = transfers;
    ports.startCycle();
    const dispatch = queues.dispatchesTo();
    let loadMoves = false;
    let storeMoves = false;
    let denied = false;
    let ends = 0;
    for (const e of this.order) {
      if (active[e]! < 0) {
        status[e] = this.waitingState(e);
        if (status[e] === BUSY) queues.consume(e);
      } else if (e === LOAD) loadMoves = load.wordAt <= cycle && ports.grants(load.access);
      else if (e === STORE) storeMoves = store.wordAt <= cycle && ports.grants(store.access);
      else {
        const got = workers.ask(e, cycle, ports);
        status[e] = got.busy ? BUSY : PORT;
        if (got.denied) denied = true;
        else if (workers.last(e) === cycle) ends |= 1 << e;
      }
    }
    transfers.commit(cycle, loadMoves, storeMoves);
    if (load.endAt === cycle) ends |= 1 << LOAD;
    if (store.endAt === cycle) ends |= 1 << STORE;

    let busy = transfers.active;
    let issues = false;
    for (const e of this.order) {
      if (this.transferAtWork(e) === undefined) this.states[e * STATES + status[e]!]!++;
      if (active[e]! >= 0) {
        busy ||= status[e] === BUSY;
        if ((ends & (1 << e)) !== 0) this.finish(e);
      } else if (status[e] === BUSY) {
        this.issue(e);
        busy = issues = true;
      }
    }
    if (dispatch >= 0) {
      const index = queues.append(dispatch);
      this.works.set(index, this.execute(this.program.instructions[index]!));
    }
    this.stirred = dispatch >= 0 || issues || ends !== 0;
    this.cycle++;
    this.clear = denied || issues ? this.cycle : Math.max(this.clear, this.cycle);
    return busy || dispatch >= 0;
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
    if (transfers.active) to = transfers.move(from, to);
    else if (workers.busy.length === 0) return false;
    if (to === from) return false;
    this.cycle = to;
    // Every engine but load and store stays in one state: at work, or that of the cycle before.
    for (let e = 0; e < ENGINES.length; e++) {
      if (this.transferAtWork(e) !== undefined) continue;
      states[e * STATES + (active[e]! < 0 ? this.status[e]! : BUSY)]! += to - from;
    }
    for (const e of this.order) {
      if (this.transferAtWork(e)?.endAt !== to - 1) continue;
      this.finish(e, to - 1);
      this.stirred = true;
    }
    return true;
  }

  /** What becomes of the next word of a transfer in a cycle in which workers do not meet each other. */
  private fate(one: Transfer, engine: number, cycle: number): Fate {
    const { workers, ports } = this;
    const { access, memory } = one;
    if (cycle >= one.rival.until) one.rival = ports.contested[memory] ? workers.stretch(memory, cycle) : NOBODY;
    const { rival } = one;
    if (cycle < rival.until && !rival.meets(access, cycle)) return "granted";
    const other = workers.whoMeets(access, cycle, ports.contested);
    if (other < 0) return "granted";
    return this.rank[other]! < this.rank[engine]! && ports.areSingle(memory) ? "denied" : "disturbs";
  }

  /** The transfer of an engine with an instruction. */
  private transferAtWork(engine: number): Transfer | undefined {
    const { load, store } = this.transfers;
    if (engine === LOAD && load.active) return load;
    return engine === STORE && store.active ? store : undefined;
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
    this.transfers.begin(instruction, this.cycle + 1);
  }

  /** Ends the instruction of an engine: its signals are visible in the next cycle. */
  private finish(engine: number, cycle = this.cycle): void {
    const index = this.active[engine]!;
    const issued = this.issued[engine]!;
    const transfer = this.transferAtWork(engine);
    this.active[engine] = -1;
    this.ended++;
    this.ports.use(memoriesOf(this.program.instructions[index]!), -1);
    if (transfer === undefined) this.workers.end(engine);
    else {
      this.addCycles(engine, transfer, cycle - issued);
      this.transfers.end(transfer, cycle + 1);
    }
    this.queues.signal(index);
    this.onInstruction?.(ENGINES[engine]!, index, issued, cycle);
  }

  /** Adds up the cycles of an instruction of load or store that has ended. */
  private addCycles(engine: number, { busy, ported, denied, memory }: Transfer, cycles: number): void {
    const from = engine * STATES;
    this.states[from + BUSY]! += busy;
    this.states[from + PORT]! += ported;
    this.states[from + DRAM_WAIT]! += cycles - busy - ported;
    this.ports.denied[engine * MEMORIES.length + memory]! += denied;
  }
}
