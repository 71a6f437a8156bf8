import { CHARGE_RULES, type FieldsOf } from "../../../backends/program/instruction.js";
import { unreachable } from "../../../diagnostics/index.js";
import * as kernels from "./charge.js";

/** The registers of the fire engine: potentials, currents and constants of one channel block of neurons. */
export class Neurons {
  /** f32 and i32 views of the same registers; `format` says which holds numbers. */
  private readonly v: Int32Array;
  private readonly u: Int32Array;
  private readonly x: Int32Array;
  private readonly vReal: Float32Array;
  private readonly uReal: Float32Array;
  private readonly xReal: Float32Array;
  private readonly vTh: Float64Array;
  private readonly vThReal: Float32Array;
  private readonly k: Float64Array;
  private int = false;
  private rule: (typeof CHARGE_RULES)[number] = "divide";
  private a = 0;
  private b = 0;
  private vReset = 0;
  private v0 = 0;
  private gt = false;
  private soft = false;
  private limit = 0;
  private wrap = false;
  private unit = 1;

  constructor(private readonly lanes: number) {
    this.v = new Int32Array(lanes);
    this.u = new Int32Array(lanes);
    this.x = new Int32Array(lanes);
    this.vReal = new Float32Array(this.v.buffer);
    this.uReal = new Float32Array(this.u.buffer);
    this.xReal = new Float32Array(this.x.buffer);
    this.vTh = new Float64Array(lanes);
    this.vThReal = new Float32Array(lanes);
    this.k = new Float64Array(lanes);
  }

  start(f: FieldsOf<"fire">): void {
    this.int = f.format === 1;
    this.rule = CHARGE_RULES[f.rule] ?? "divide";
    this.a = f.a;
    this.b = f.b;
    this.vReset = f.vReset;
    this.v0 = f.v0;
    this.gt = f.gt === 1;
    this.soft = f.soft === 1;
    this.limit = 2 ** (f.stateBits - 1);
    this.wrap = f.wrap === 1;
    this.unit = 2 ** f.fractionBits;
    this.vTh.fill(f.vTh);
    this.vThReal.fill(f.vTh);
    this.k.fill(this.int ? f.a : Math.fround(f.a));
  }

  /** One threshold per lane, in the currents' format. */
  setThresholds(i32: Int32Array, f32: Float32Array): void {
    for (let l = 0; l < this.lanes; l++) {
      this.vTh[l] = i32[l]!;
      this.vThReal[l] = f32[l]!;
    }
  }

  /** One rule argument per lane. */
  setGains(f32: Float32Array): void {
    for (let l = 0; l < this.lanes; l++) this.k[l] = f32[l]!;
  }

  /** Potentials before the first timestep. */
  reset(): void {
    if (this.int) this.v.fill(this.v0);
    else this.vReal.fill(this.v0);
    this.u.fill(0);
  }

  loadV(data: Int32Array, from: number): void {
    copy(data, from, this.v, 0, this.lanes);
  }

  loadU(data: Int32Array, from: number): void {
    copy(data, from, this.u, 0, this.lanes);
  }

  loadCurrent(data: Int32Array, from: number): void {
    copy(data, from, this.x, 0, this.lanes);
    if (this.int && this.unit !== 1) for (let l = 0; l < this.lanes; l++) this.x[l] = this.x[l]! * this.unit;
  }

  storeV(data: Int32Array, to: number): void {
    copy(this.v, 0, data, to, this.lanes);
  }

  storeU(data: Int32Array, to: number): void {
    copy(this.u, 0, data, to, this.lanes);
  }

  /** First half of a timestep of `n` neurons: the current moves the potentials. */
  charge(n: number): void {
    if (this.int) this.chargeInt(n);
    else this.chargeReal(n);
  }

  /** Second half: compares and resets; spikes go to `spikes` at `to`. Returns their number. */
  fire(n: number, spikes: Uint8Array, to: number): number {
    const { gt, soft, vReset, limit, wrap } = this;
    return this.int
      ? kernels.fireInt(this.v, n, this.vTh, gt, soft, vReset, limit, wrap, spikes, to)
      : kernels.fireReal(this.vReal, n, this.vThReal, gt, soft, vReset, spikes, to);
  }

  /** Copies of the first `n` registers, for probes. */
  potentials(n: number): Float64Array {
    return Float64Array.from((this.int ? this.v : this.vReal).subarray(0, n));
  }

  /** The current as it is charged: an integer one already shifted by its fraction bits. */
  currents(n: number): Float64Array {
    return Float64Array.from((this.int ? this.x : this.xReal).subarray(0, n));
  }

  thresholds(n: number): Float64Array {
    return Float64Array.from((this.int ? this.vTh : this.vThReal).subarray(0, n));
  }

  private chargeReal(n: number): void {
    const { vReal: v, uReal: u, xReal: x, k, vReset } = this;
    switch (this.rule) {
      case "divide":
        kernels.chargeDivide(v, x, n, k, vReset);
        break;
      case "multiply":
        kernels.chargeMultiply(v, x, n, k, vReset);
        break;
      case "decay-then-add":
        kernels.chargeDecayThenAdd(v, x, n, k);
        break;
      case "integrate":
        kernels.chargeIntegrate(v, x, n);
        break;
      case "cuba":
        kernels.chargeCuba(v, u, x, n, this.a, this.b);
        break;
      case "decay":
      case "shift":
        break; // integer rules; the decoder refuses them here
      default:
        unreachable(this.rule);
    }
  }

  private chargeInt(n: number): void {
    const { v, u, x, k, limit, wrap } = this;
    switch (this.rule) {
      case "integrate":
        kernels.chargeIntIntegrate(v, x, n, limit, wrap);
        break;
      case "decay":
        kernels.chargeIntDecay(v, x, n, k, limit, wrap);
        break;
      case "shift":
        kernels.chargeIntShift(v, x, n, k, limit, wrap);
        break;
      case "cuba":
        kernels.chargeIntCuba(v, u, x, n, this.a, this.b, limit, wrap);
        break;
      case "divide":
      case "multiply":
      case "decay-then-add":
        break; // real rules; the decoder refuses them here
      default:
        unreachable(this.rule);
    }
  }
}

function copy(from: Int32Array, fromAt: number, to: Int32Array, toAt: number, n: number): void {
  for (let i = 0; i < n; i++) to[toAt + i] = from[fromAt + i]!;
}
