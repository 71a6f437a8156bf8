import { Report, type Diagnostic, type Location } from "../diagnostics/index.js";
import { elements, type DType, type Tensor } from "../math/tensor.js";
import type { Constant, RealTensor, Weights } from "./constant.js";
import { irDiagnostics } from "./diagnostics.js";
import type { Net } from "./net.js";
import { isExternal } from "./print.js";
import { sameShape } from "./types.js";
import { constantProblem } from "./verify.js";

/**
 * Constants as named tensors, for the `.safetensors` file beside the text of a net. Weights are three entries,
 * `NAME.mantissa` (i32), `NAME.exponent` (i32, one per output channel) and `NAME.bias` (f64, integers); reals are one,
 * `NAME` (f32), integers `NAME.values` (i32).
 */

const PARTS = ["mantissa", "exponent", "bias"] as const;
const VALUES = ".values";

/** The constants whose values the text of a net leaves out. */
export function externalConstants(net: Net): ReadonlyMap<string, Constant> {
  return new Map([...net.constants].filter(([, constant]) => isExternal(constant)));
}

function entries(name: string, constant: Constant): (readonly [string, Tensor])[] {
  if (constant.kind === "real") return [[name, { dtype: "f32", shape: constant.shape, data: constant.data }]];
  if (constant.kind === "int") return [[name + VALUES, { dtype: "i32", shape: constant.shape, data: constant.data }]];
  const out = [constant.exponent.length];
  return [
    [`${name}.mantissa`, { dtype: "i32", shape: constant.shape, data: constant.mantissa }],
    [`${name}.exponent`, { dtype: "i32", shape: out, data: constant.exponent }],
    [`${name}.bias`, { dtype: "f64", shape: out, data: constant.bias }],
  ];
}

export interface ConstantTensors {
  /** Share their data with the constants. */
  readonly tensors: ReadonlyMap<string, Tensor>;
  readonly diagnostics: readonly Diagnostic[];
}

/** Tensors of constants. Two constants whose entries would share a name, `a` and `a.bias`, are a diagnostic. */
export function constantsToTensors(constants: ReadonlyMap<string, Constant>): ConstantTensors {
  const report = new Report();
  const tensors = new Map<string, Tensor>();
  const owners = new Map<string, string>();
  for (const [name, constant] of constants) {
    for (const [entry, tensor] of entries(name, constant)) {
      const owner = owners.get(entry);
      if (owner !== undefined) {
        const message = `constants \`@${owner}\` and \`@${name}\` both need the entry \`${entry}\``;
        report.add(irDiagnostics.make("constants-file", message, { hint: "rename one of them" }));
      }
      owners.set(entry, name);
      tensors.set(entry, tensor);
    }
  }
  return { tensors, diagnostics: report.diagnostics };
}

export interface TensorConstants {
  /** The constants that were read; those with a diagnostic are missing. */
  readonly constants: ReadonlyMap<string, Constant>;
  readonly diagnostics: readonly Diagnostic[];
}

/** Reads the entries of one file. */
class ConstantReader {
  readonly report = new Report();
  readonly constants = new Map<string, Constant>();

  constructor(
    private readonly tensors: ReadonlyMap<string, Tensor>,
    private readonly file: string,
  ) {}

  private complain(entry: string, message: string): undefined {
    const location: Location = { kind: "file", file: this.file, path: entry };
    return this.report.add(irDiagnostics.make("constants-file", message, { location }));
  }

  private part(name: string, dtype: DType, shape?: readonly number[]): Tensor | undefined {
    const tensor = this.tensors.get(name);
    if (tensor === undefined) return this.complain(name, `no entry \`${name}\``);
    if (tensor.dtype !== dtype) return this.complain(name, `\`${name}\` is ${tensor.dtype}, expected ${dtype}`);
    if (tensor.data.length !== elements(tensor.shape)) {
      return this.complain(name, `\`${name}\` has ${tensor.data.length} values, its shape ${elements(tensor.shape)}`);
    }
    if (shape === undefined || sameShape(tensor.shape, shape)) return tensor;
    return this.complain(name, `\`${name}\` has shape [${tensor.shape.join(", ")}], expected [${shape.join(", ")}]`);
  }

  private keep(name: string, constant: Constant, entry: string): void {
    const wrong = constantProblem(constant);
    if (wrong === undefined) this.constants.set(name, constant);
    else this.complain(entry, `\`${name}\` ${wrong}`);
  }

  readReal(name: string, tensor: Tensor): void {
    if (this.part(name, "f32") === undefined || !(tensor.data instanceof Float32Array)) return;
    const constant: RealTensor = { kind: "real", shape: tensor.shape, data: tensor.data };
    this.keep(name, constant, name);
  }

  readInt(name: string): void {
    const tensor = this.part(name + VALUES, "i32");
    if (!(tensor?.data instanceof Int32Array)) return;
    this.keep(name, { kind: "int", shape: tensor.shape, data: tensor.data }, name + VALUES);
  }

  readWeights(name: string): void {
    const mantissa = this.part(`${name}.mantissa`, "i32");
    if (mantissa === undefined) return;
    const out = [mantissa.shape[mantissa.shape.length - 1] ?? 0];
    const exponent = this.part(`${name}.exponent`, "i32", out);
    const bias = this.part(`${name}.bias`, "f64", out);
    const [m, e, b] = [mantissa.data, exponent?.data, bias?.data];
    if (!(m instanceof Int32Array && e instanceof Int32Array && b instanceof Float64Array)) return;
    const constant: Weights = { kind: "weights", shape: mantissa.shape, mantissa: m, exponent: e, bias: b };
    this.keep(name, constant, `${name}.mantissa`);
  }

  /** The weights that an entry is a part of. */
  ownerOf(entry: string): string | undefined {
    const part = PARTS.find((suffix) => entry.endsWith(`.${suffix}`));
    return part === undefined ? undefined : entry.slice(0, -part.length - 1);
  }
}

/**
 * Reads constants from the tensors of a file. An f32 entry is a real constant whatever its name, an entry `NAME.values` of
 * another type an integer one; the others belong to weights. Checks types, shapes, finiteness and that mantissas are integers of at most 24 bits and a sign.
 */
export function constantsFromTensors(tensors: ReadonlyMap<string, Tensor>, file: string): TensorConstants {
  const reader = new ConstantReader(tensors, file);
  const seen = new Set<string>();
  for (const [entry, tensor] of tensors) {
    const owner = tensor.dtype === "f32" ? undefined : reader.ownerOf(entry);
    if (tensor.dtype !== "f32" && entry.endsWith(VALUES)) reader.readInt(entry.slice(0, -VALUES.length));
    else if (owner === undefined) reader.readReal(entry, tensor);
    else if (!seen.has(owner)) {
      seen.add(owner);
      reader.readWeights(owner);
    }
  }
  return { constants: reader.constants, diagnostics: reader.report.diagnostics };
}
