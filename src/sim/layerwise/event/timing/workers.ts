import { ENGINES, MEMORIES, type Instruction } from "../../../../backends/program/instruction.js";
import type { LayerwiseChip } from "../../../../chips/layerwise.js";
import type { ScanWork, Work } from "../work.js";
import { AccumulateTiming, type Cursor } from "./accumulate.js";
import { memoriesOf, type Ports } from "./ports.js";
import { DATA, memoryOf, Script, SPIKE, WEIGHT, type Access } from "./script.js";
import { NOBODY, Stretch, UNKNOWN } from "./stretch.js";
import { writeScript } from "./scripts.js";
import type { Traffic } from "./traffic.js";

export const ACCUMULATE = ENGINES.indexOf("accumulate");

/**
 * The engines that do not move data to or from DRAM, while they work. As long as nobody takes a port from it, what such an
 * engine does is a function of time: the step of its script, or the schedule of `accumulate`. So letting cycles go by costs
 * nothing; only a denied access changes the function.
 */
export class Workers {
  /** Numbers of the engines at work. */
  readonly busy: number[] = [];
  /** By memory: those at work whose instruction may touch it. */
  private readonly users: readonly number[][] = MEMORIES.map(() => []);
  private readonly scripts: readonly Script[];
  /** By engine: the cycle of step 0 of its script. */
  private readonly base = new Float64Array(ENGINES.length);
  private readonly accumulate: AccumulateTiming;
  /** Whether the accumulate engine follows the schedule of `accumulate`, not the script of `multiply`. */
  private scanning = false;

  constructor(
    private readonly chip: LayerwiseChip,
    private readonly traffic: Traffic,
  ) {
    const banks = MEMORIES.map((name) => chip.memories[name].banks);
    this.scripts = ENGINES.map(() => new Script(banks));
    this.accumulate = new AccumulateTiming(chip, banks);
  }

  /** Starts an instruction whose first work is in `cycle`. */
  begin(engine: number, instruction: Instruction, work: Work, cycle: number): void {
    this.busy.push(engine);
    const memories = memoriesOf(instruction);
    this.users.forEach((users, memory) => (memories & (1 << memory)) !== 0 && users.push(engine));
    if (engine === ACCUMULATE) this.scanning = instruction.op === "accumulate";
    if (instruction.op === "accumulate") {
      this.accumulate.begin(instruction.fields, work as ScanWork, cycle);
      this.traffic.add(instruction, work);
      return;
    }
    const script = this.scripts[engine]!;
    writeScript(instruction, work, this.chip, script);
    this.traffic.addScript(instruction.layer, script);
    this.base[engine] = cycle;
  }

  end(engine: number): void {
    for (const engines of [this.busy, ...this.users]) {
      const at = engines.indexOf(engine);
      if (at >= 0) engines.splice(at, 1);
    }
  }

  /** The cycle of an engine's last work, if nobody takes a port from it. */
  last(engine: number): number {
    if (engine === ACCUMULATE && this.scanning) return this.accumulate.last;
    return this.base[engine]! + this.scripts[engine]!.length - 1;
  }

  /** What an engine asks of a memory in a cycle, or for an engine with a script of any memory. */
  access(engine: number, cycle: number, memory: number, cursor?: Cursor): Access {
    if (engine === ACCUMULATE && this.scanning) {
      if (memory === SPIKE) return this.accumulate.scannerAccess(cycle, cursor);
      if (memory === DATA && this.accumulate.nextWrite(cycle, cursor) > cycle) return 0;
      return this.accumulate.adderAccess(cycle, cursor);
    }
    return this.scripts[engine]!.accesses[cycle - this.base[engine]!]!;
  }

  /** What the workers ask of a memory from `cycle` on: nothing is known where several of them use it. */
  stretch(memory: number, cycle: number): Stretch {
    const [engine, another] = this.users[memory]!;
    if (engine === undefined) return NOBODY;
    if (another !== undefined) return UNKNOWN;
    if (engine !== ACCUMULATE || !this.scanning) {
      const { accesses, length } = this.scripts[engine]!;
      const base = this.base[engine]!;
      return new Stretch(base + length, accesses, base);
    }
    if (memory === WEIGHT) return this.accumulate.rows(cycle);
    return memory === DATA ? new Stretch(this.accumulate.nextWrite(cycle)) : UNKNOWN;
  }

  /** First phase of a cycle: asks for ports. Says whether any unit got what it wanted, and whether one did not. */
  ask(engine: number, cycle: number, ports: Ports): { readonly busy: boolean; readonly denied: boolean } {
    if (engine === ACCUMULATE && this.scanning) return this.askScanning(cycle, ports);
    if (ports.ask(engine, this.scripts[engine]!.accesses[cycle - this.base[engine]!]!)) return GRANTED;
    this.base[engine]!++;
    return DENIED;
  }

  private askScanning(cycle: number, ports: Ports): { readonly busy: boolean; readonly denied: boolean } {
    const adder = this.accumulate.adderAccess(cycle);
    const scanner = this.accumulate.scannerAccess(cycle);
    const adderDenied = !ports.ask(ACCUMULATE, adder);
    const scannerDenied = !ports.ask(ACCUMULATE, scanner);
    if (!adderDenied && !scannerDenied) return GRANTED;
    this.accumulate.deny(cycle, adderDenied, scannerDenied);
    const busy = (adder !== 0 && !adderDenied) || (scanner !== 0 && !scannerDenied);
    return busy ? PARTLY : DENIED;
  }

  /**
   * The first cycle from..to-1 in which two engines may want the same bank of a contested memory; `to` where there is none.
   */
  meeting(from: number, to: number, contested: readonly boolean[]): number {
    let first = to;
    if (this.busy.length < 2) return first;
    // Beside the adder, which seldom writes, a script meets nobody at the data memory for long.
    const besideAdder = this.scanning && this.busy.length === 2 && this.busy.includes(ACCUMULATE);
    for (const e of this.busy) {
      if (e === ACCUMULATE && this.scanning) continue;
      const { accesses } = this.scripts[e]!;
      const base = this.base[e]!;
      const cursor = this.accumulate.cursor();
      for (let cycle = from; cycle < first; cycle++) {
        const access = accesses[cycle - base]!;
        if (access === 0 || (besideAdder && cycle < cursor.write && memoryOf(access) === DATA)) continue;
        if (this.whoMeets(access, cycle, contested, cursor, e) >= 0) first = cycle;
      }
    }
    return first;
  }

  /** The first of the workers, other than the one who asks, that may want the same bank of a contested memory; -1 where none. */
  whoMeets(access: Access, cycle: number, contested: readonly boolean[], cursor?: Cursor, asking?: number): number {
    if (access === 0) return -1;
    const memory = memoryOf(access);
    if (!contested[memory]) return -1;
    for (const other of this.users[memory]!) {
      if (other !== asking && this.access(other, cycle, memory, cursor) === access) return other;
    }
    return -1;
  }
}

const GRANTED = { busy: true, denied: false };
const PARTLY = { busy: true, denied: true };
const DENIED = { busy: false, denied: true };
