import { ENGINES, type Instruction } from "../../../backends/program/instruction.js";
import type { LayerwiseChip } from "../../../chips/layerwise.js";
import { internalError } from "../../../diagnostics/index.js";
import { Accumulate } from "./accumulate.js";
import { AttendEngine } from "./attend.js";
import { FireEngine } from "./fire.js";
import type { Hardware } from "./hardware.js";
import { LoadEngine } from "./load.js";
import { Multiply } from "./multiply.js";
import { Parameters } from "./parameters.js";
import { StoreEngine } from "./store.js";
import { VectorEngine } from "./vector.js";

/** Numbers of the engines: positions in ENGINES. */
export const LOAD_ENGINE = ENGINES.indexOf("load");
export const STORE_ENGINE = ENGINES.indexOf("store");

/**
 * The engines by number. `request` is the first phase of a cycle for an engine with an active instruction, `commit` and then
 * `write` the second: all reads come before all writes.
 */
export class Engines {
  readonly load: LoadEngine;
  readonly store: StoreEngine;
  private readonly accumulate: Accumulate;
  private readonly multiply: Multiply;
  private readonly fire: FireEngine;
  private readonly attend: AttendEngine;
  private readonly vector: VectorEngine;
  /** Which of its two instructions the accumulate engine works on. */
  private multiplying = false;

  constructor(hardware: Hardware, chip: LayerwiseChip) {
    const parameters = new Parameters(hardware);
    this.load = new LoadEngine(hardware, chip.dram.outstanding);
    this.accumulate = new Accumulate(hardware, parameters, chip.fifoDepth);
    this.multiply = new Multiply(hardware, parameters, chip.patchValues);
    this.fire = new FireEngine(hardware);
    this.attend = new AttendEngine(hardware, chip.attention.counters);
    this.vector = new VectorEngine(hardware);
    this.store = new StoreEngine(hardware);
  }

  /** A sample starts without anything left of the last one. */
  clear(): void {
    this.attend.clear();
  }

  start(instruction: Instruction): void {
    switch (instruction.op) {
      case "load":
        return this.load.start(instruction);
      case "store":
        return this.store.start(instruction);
      case "accumulate":
        this.multiplying = false;
        return this.accumulate.start(instruction);
      case "multiply":
        this.multiplying = true;
        return this.multiply.start(instruction);
      case "fire":
        return this.fire.start(instruction);
      case "attend-kv":
      case "attend-q":
        return this.attend.start(instruction);
      default:
        return this.vector.start(instruction);
    }
  }

  request(engine: number, cycle: number): number {
    switch (engine) {
      case 0:
        return this.load.request(cycle);
      case 1:
        return this.multiplying ? this.multiply.request() : this.accumulate.request();
      case 2:
        return this.fire.request();
      case 3:
        return this.attend.request();
      case 4:
        return this.vector.request();
      case 5:
        return this.store.request();
      default:
        throw internalError(`engine ${engine}`);
    }
  }

  commit(engine: number): void {
    switch (engine) {
      case 1:
        if (this.multiplying) this.multiply.commit();
        else this.accumulate.commit();
        break;
      case 2:
        this.fire.commit();
        break;
      case 3:
        this.attend.commit();
        break;
      case 4:
        this.vector.commit();
        break;
      case 5:
        this.store.commit();
        break;
      default: // load only writes
    }
  }

  /** Commits writes; whether the instruction has ended. */
  write(engine: number): boolean {
    switch (engine) {
      case 0:
        this.load.write();
        return this.load.ended;
      case 1:
        if (this.multiplying) {
          this.multiply.write();
          return this.multiply.ended;
        }
        this.accumulate.write();
        return this.accumulate.ended;
      case 2:
        this.fire.write();
        return this.fire.ended;
      case 3:
        this.attend.write();
        return this.attend.ended;
      case 4:
        this.vector.write();
        return this.vector.ended;
      case 5:
        return this.store.ended;
      default:
        throw internalError(`engine ${engine}`);
    }
  }
}
