import { CHARGE_RULES, type FieldsOf } from "../../../../backends/program/instruction.js";
import { unreachable } from "../../../../diagnostics/index.js";
import * as kernels from "../../../kernels/neuron.js";
import type { Image } from "./chip.js";

/** Potentials, currents and constants of one channel block of neurons. */
export class Neurons {
  /** Registers, and f32 views of them; the format of the instruction says which holds numbers. */
  readonly v: Int32Array;
  readonly u: Int32Array;
  private readonly x: Int32Array;
  private readonly vReal: Float32Array;
  private readonly uReal: Float32Array;
  private readonly xReal: Float32Array;
  private readonly vTh: Float64Array;
  private readonly vThReal: Float32Array;
  /** First argument of the charge rule. */
  private readonly k: Float64Array;
  private readonly int: boolean;
  private readonly rule: (typeof CHARGE_RULES)[number];
  private readonly limit: number;
  private readonly unit: number;

  constructor(
    private readonly f: FieldsOf<"fire">,
    private readonly lanes: number,
  ) {
    this.int = f.format === 1;
    this.rule = CHARGE_RULES[f.rule] ?? "divide";
    this.limit = 2 ** (f.stateBits - 1);
    this.unit = 2 ** f.fractionBits;
    this.v = new Int32Array(lanes);
    this.u = new Int32Array(lanes);
    this.x = new Int32Array(lanes);
    this.vReal = new Float32Array(this.v.buffer);
    this.uReal = new Float32Array(this.u.buffer);
    this.xReal = new Float32Array(this.x.buffer);
    this.vTh = new Float64Array(lanes).fill(f.vTh);
    this.vThReal = new Float32Array(lanes).fill(f.vTh);
    this.k = new Float64Array(lanes).fill(this.int ? f.a : Math.fround(f.a));
  }

  /** One threshold per lane, in the currents' format. */
  setThresholds({ i32, f32 }: Image, from: number): void {
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
    if (this.int) this.v.fill(this.f.v0);
    else this.vReal.fill(this.f.v0);
    this.u.fill(0);
  }

  loadCurrent(data: Int32Array, from: number): void {
    this.x.set(data.subarray(from, from + this.lanes));
    if (this.int && this.unit !== 1) for (let l = 0; l < this.lanes; l++) this.x[l] = this.x[l]! * this.unit;
  }

  /** One timestep of `n` neurons; spikes go to `spikes` at `to`. Returns their number. */
  step(n: number, spikes: Uint8Array, to: number): number {
    const { f } = this;
    const [gt, soft] = [f.gt === 1, f.soft === 1];
    if (this.int) {
      this.chargeInt(n);
      return kernels.fireInt(this.v, n, this.vTh, gt, soft, f.vReset, this.limit, f.wrap === 1, spikes, to);
    }
    this.chargeReal(n);
    return kernels.fireReal(this.vReal, n, this.vThReal, gt, soft, f.vReset, spikes, to);
  }

  private chargeReal(n: number): void {
    const { vReal: v, uReal: u, xReal: x, k, f } = this;
    switch (this.rule) {
      case "divide":
        return kernels.chargeDivide(v, x, n, k, f.vReset);
      case "multiply":
        return kernels.chargeMultiply(v, x, n, k, f.vReset);
      case "decay-then-add":
        return kernels.chargeDecayThenAdd(v, x, n, k);
      case "integrate":
        return kernels.chargeIntegrate(v, x, n);
      case "cuba":
        return kernels.chargeCuba(v, u, x, n, f.a, f.b);
      case "decay":
      case "shift":
        return; // integer rules; the decoder refuses them here
      default:
        unreachable(this.rule);
    }
  }

  private chargeInt(n: number): void {
    const { v, u, x, k, limit, f } = this;
    const wrap = f.wrap === 1;
    switch (this.rule) {
      case "integrate":
        return kernels.chargeIntIntegrate(v, x, n, limit, wrap);
      case "decay":
        return kernels.chargeIntDecay(v, x, n, k, limit, wrap);
      case "shift":
        return kernels.chargeIntShift(v, x, n, k, limit, wrap);
      case "cuba":
        return kernels.chargeIntCuba(v, u, x, n, f.a, f.b, limit, wrap);
      case "divide":
      case "multiply":
      case "decay-then-add":
        return; // real rules; the decoder refuses them here
      default:
        unreachable(this.rule);
    }
  }
}
