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
  setThresholds(i32: Int32Array, f32: Float32Array, from: number): void {
    for (let l = 0; l < this.lanes; l++) {
      this.vTh[l] = i32[from + l]!;
      this.vThReal[l] = f32[from + l]!;
    }
  }

  /** One rule argument per lane. */
  setGains(f32: Float32Array, from: number): void {
    for (let l = 0; l < this.lanes; l++) this.k[l] = f32[from + l]!;
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

  /** One timestep of `n` neurons; spikes go to `spikes` at `to`. Returns their number. */
  step(n: number, spikes: Uint8Array, to: number): number {
    return this.int ? this.stepInt(n, spikes, to) : this.stepReal(n, spikes, to);
  }

  private stepReal(n: number, spikes: Uint8Array, to: number): number {
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
    return kernels.fireReal(v, n, this.vThReal, this.gt, this.soft, vReset, spikes, to);
  }

  private stepInt(n: number, spikes: Uint8Array, to: number): number {
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
    return kernels.fireInt(v, n, this.vTh, this.gt, this.soft, this.vReset, limit, wrap, spikes, to);
  }
}

function copy(from: Int32Array, fromAt: number, to: Int32Array, toAt: number, n: number): void {
  for (let i = 0; i < n; i++) to[toAt + i] = from[fromAt + i]!;
}
