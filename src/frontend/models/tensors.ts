import type { Report } from "../../diagnostics/index.js";
import { realTensor, toWeights, type Constant } from "../../ir/index.js";
import { elements, sameShape, type Tensor } from "../../math/tensor.js";
import type { Checkpoint } from "../formats/index.js";
import { modelDiagnostics } from "./diagnostics.js";

/** What a tensor is to the network; says how an untrained one starts. */
export type TensorRole =
  | { readonly kind: "conv" }
  | { readonly kind: "uniform"; readonly fanIn: number }
  | { readonly kind: "constant"; readonly value: number }
  | { readonly kind: "counter" };

/** Makes the tensors that a model asks for, in place of a checkpoint that holds them. */
export type MakeTensor = (name: string, shape: readonly number[], role: TensorRole) => Tensor;

const ZEROS: TensorRole = { kind: "constant", value: 0 };
const ONES: TensorRole = { kind: "constant", value: 1 };

/**
 * Takes tensors out of a checkpoint by name and shape, and remembers what was taken. All faults (missing, misshapen, not
 * finite) are reported at once; a faulty tensor reads as zeros, so that the import can go on to find the next fault.
 * With `make`, tensors that the checkpoint lacks are made, and `made` has them: names, shapes and roles of a network's tensors are
 * written once, in the model that reads them.
 */
export class TensorReader {
  private readonly taken = new Set<string>();
  readonly made = new Map<string, Tensor>();

  constructor(
    private readonly checkpoint: Checkpoint,
    private readonly file: string,
    private readonly report: Report,
    private readonly make?: MakeTensor,
  ) {}

  private find(name: string, shape: readonly number[], role: TensorRole): Tensor | undefined {
    const known = this.checkpoint.tensors.get(name) ?? this.made.get(name);
    if (known !== undefined || this.make === undefined) return known;
    const tensor = this.make(name, shape, role);
    this.made.set(name, tensor);
    return tensor;
  }

  has(name: string): boolean {
    return this.checkpoint.tensors.has(name);
  }

  /** A parameter as doubles in the checkpoint's order. */
  take(name: string, shape: readonly number[], role: TensorRole): ArrayLike<number> {
    this.taken.add(name);
    const location = { kind: "file", file: this.file, path: name } as const;
    const tensor = this.find(name, shape, role);
    if (tensor === undefined) {
      this.report.add(
        modelDiagnostics.make("missing-tensor", `no tensor \`${name}\` of shape ${shape.join("x") || "scalar"}`, {
          location,
        }),
      );
      return new Float64Array(elements(shape));
    }
    if (!sameShape(tensor.shape, shape)) {
      const message = `\`${name}\` expects shape ${shape.join("x") || "scalar"}, got ${tensor.shape.join("x") || "scalar"}`;
      this.report.add(modelDiagnostics.make("tensor-shape", message, { location }));
      return new Float64Array(elements(shape));
    }
    return this.finite(name, tensor) ? tensor.data : new Float64Array(elements(shape));
  }

  private finite(name: string, tensor: Tensor): boolean {
    const location = { kind: "file", file: this.file, path: name } as const;
    if (tensor.dtype !== "f32" && tensor.dtype !== "f64") {
      this.report.add(
        modelDiagnostics.make("tensor-dtype", `\`${name}\` expects floating point, got ${tensor.dtype}`, { location }),
      );
      return false;
    }
    for (let i = 0; i < tensor.data.length; i++) {
      if (Number.isFinite(tensor.data[i])) continue;
      this.report.add(
        modelDiagnostics.make("not-finite", `\`${name}\` holds ${tensor.data[i]} at element ${i}`, { location }),
      );
      return false;
    }
    return true;
  }

  /** [O, I, k, k] of a convolution as weights [k, k, I, O]; k = 1 gives a dense [I, O]. Bias if `bias` is set. */
  conv(name: string, inputs: number, outputs: number, kernel: number, bias: boolean): Constant {
    const w = this.take(`${name}.weight`, [outputs, inputs, kernel, kernel], { kind: "conv" });
    const values = new Float64Array(w.length);
    const taps = kernel * kernel;
    for (let o = 0; o < outputs; o++) {
      for (let i = 0; i < inputs; i++) {
        for (let tap = 0; tap < taps; tap++)
          values[(tap * inputs + i) * outputs + o] = w[(o * inputs + i) * taps + tap] ?? 0;
      }
    }
    const shape = kernel === 1 ? [inputs, outputs] : [kernel, kernel, inputs, outputs];
    return toWeights(shape, values, bias ? this.take(`${name}.bias`, [outputs], ZEROS) : undefined);
  }

  /** [O, I] of a linear layer with bias as weights [I, O]. */
  linear(name: string, inputs: number, outputs: number): Constant {
    const role: TensorRole = { kind: "uniform", fanIn: inputs };
    const w = this.take(`${name}.weight`, [outputs, inputs], role);
    const values = new Float64Array(w.length);
    for (let o = 0; o < outputs; o++) for (let i = 0; i < inputs; i++) values[i * outputs + o] = w[o * inputs + i] ?? 0;
    return toWeights([inputs, outputs], values, this.take(`${name}.bias`, [outputs], role));
  }

  /** Gamma, beta, running mean and running variance of a batch norm, as constants by their tensor names. */
  batchNorm(name: string, n: number): readonly (readonly [string, Constant])[] {
    const parts = { weight: ONES, bias: ZEROS, running_mean: ZEROS, running_var: ONES };
    this.dead(`${name}.num_batches_tracked`, [], { kind: "counter" });
    return Object.entries(parts).map(([part, role]) => {
      const path = `${name}.${part}`;
      return [path, realTensor([n], Float32Array.from(this.take(path, [n], role)))] as const;
    });
  }

  scalar(name: string): number {
    return this.take(name, [], ZEROS)[0] ?? 0;
  }

  /** A tensor that the official network holds and never uses: made where tensors are made, not asked of a checkpoint. */
  dead(name: string, shape: readonly number[], role: TensorRole): void {
    this.find(name, shape, role);
  }

  /** Declares tensors that the network has but never uses; they are neither missing nor extra. */
  unused(isUnused: (name: string) => boolean): readonly string[] {
    const known = [...this.checkpoint.tensors.keys(), ...this.made.keys()];
    const names = known.filter((name) => !this.taken.has(name) && isUnused(name));
    for (const name of names) this.taken.add(name);
    return names;
  }

  /** Reports every tensor that nobody took. */
  reportExtra(): void {
    for (const [name, tensor] of this.checkpoint.tensors) {
      if (this.taken.has(name)) continue;
      const message = `\`${name}\` (${tensor.shape.join("x") || "scalar"}) is not part of the architecture and was left out`;
      this.report.add(
        modelDiagnostics.make("extra-tensor", message, { location: { kind: "file", file: this.file, path: name } }),
      );
    }
  }
}
