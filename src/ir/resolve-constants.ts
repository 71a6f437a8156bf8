import { didYouMean } from "../diagnostics/index.js";
import { elements } from "../math/tensor.js";
import {
  digestOf,
  intTensor,
  onGrid,
  outputsOf,
  realTensor,
  toWeights,
  type Constant,
  type Weights,
} from "./constant.js";
import type { Complain } from "./resolve.js";
import { sameShape } from "./types.js";
import type { ConstantSyntax, Spanned } from "./syntax.js";
import { constantProblem } from "./verify.js";

const KINDS = ["real", "int", "weights"];
const INT32 = 2 ** 31;

function countFault(values: Spanned<readonly number[]>, expected: number, what: string): string | undefined {
  const got = values.value.length;
  return got === expected ? undefined : `expected ${expected} ${what}, got ${got}`;
}

/** Index of the first value, biases last, that rounding to the grid changed; -1 where none was. */
function offGrid({ mantissa, exponent, bias, ...rest }: Weights, values: readonly number[], biases: readonly number[]) {
  const out = outputsOf({ mantissa, exponent, bias, ...rest });
  const at = (m: number, i: number): number => m * 2 ** -(exponent[i % out] ?? 0);
  const off = values.findIndex((value, i) => at(mantissa[i] ?? 0, i) !== value);
  if (off >= 0) return off;
  const offBias = biases.findIndex((value, i) => at(bias[i] ?? 0, i) !== value);
  return offBias < 0 ? -1 : values.length + offBias;
}

/** Values written in the text. */
function inlineConstant(
  syntax: ConstantSyntax,
  shape: readonly number[],
  values: Spanned<readonly number[]>,
  complain: Complain,
): Constant | undefined {
  const { bias, kind, name } = syntax;
  const wrong = countFault(values, elements(shape), "values");
  if (wrong !== undefined) return complain("constant", wrong, values);
  if (kind.value !== "weights") {
    if (bias !== undefined) return complain("constant", "only weights have a bias", bias);
    const odd = values.value.find((v) => !(Number.isInteger(v) && v >= -INT32 && v < INT32));
    if (kind.value === "int" && odd !== undefined) {
      return complain("constant", `\`@${name.value}\` holds ${odd}, expected integers of 32 bits`, values);
    }
    const constant =
      kind.value === "int"
        ? intTensor(shape, Int32Array.from(values.value))
        : realTensor(shape, Float32Array.from(values.value));
    const fault = constantProblem(constant);
    return fault === undefined ? constant : complain("constant", `\`@${name.value}\` ${fault}`, values);
  }
  const out = shape[shape.length - 1] ?? 1;
  const wrongBias = bias === undefined ? undefined : countFault(bias, out, "biases");
  if (bias !== undefined && wrongBias !== undefined) return complain("constant", wrongBias, bias);
  if (![...values.value, ...(bias?.value ?? [])].every(Number.isFinite)) {
    return complain("constant", `\`@${name.value}\` holds a value that is not finite`, values);
  }
  const { grid } = syntax;
  const wrongGrid =
    grid === undefined || grid.value.length === 1 ? undefined : countFault(grid, out, "grid exponents, or one for all");
  if (grid !== undefined && wrongGrid !== undefined) return complain("constant", wrongGrid, grid);
  if (grid !== undefined && !grid.value.every((e) => Number.isInteger(e) && Math.abs(e) <= 200)) {
    return complain("constant", "a grid is exponents in -200..200: weights are integers times 2^-e", grid);
  }
  const constant =
    grid === undefined
      ? toWeights(shape, values.value, bias?.value)
      : onGrid(shape, values.value, bias?.value ?? new Float64Array(out), grid.value);
  const off = grid === undefined ? -1 : offGrid(constant, values.value, bias?.value ?? []);
  if (grid !== undefined && off >= 0) {
    return complain("constant", `value ${off} of \`@${name.value}\` is no multiple of its grid`, grid);
  }
  const fault = constantProblem(constant);
  return fault === undefined ? constant : complain("constant", `\`@${name.value}\` ${fault}`, values);
}

/** Values given beside the text. */
function externalConstant(
  syntax: ConstantSyntax,
  shape: readonly number[],
  given: ReadonlyMap<string, Constant>,
  complain: Complain,
): Constant | undefined {
  const { kind, name } = syntax;
  const constant = given.get(name.value);
  if (constant === undefined) {
    const names = [...given.keys()].slice(0, 200);
    const hint =
      names.length === 0 ? "give the file of constants that belongs to this text" : didYouMean(name.value, names);
    return complain("unknown-constant", `no values are given for external \`@${name.value}\``, name, { hint });
  }
  if (constant.kind !== kind.value) {
    return complain(
      "constant-kind",
      `\`@${name.value}\` is declared ${kind.value}, the file has ${constant.kind}`,
      kind,
    );
  }
  if (!sameShape(constant.shape, shape)) {
    const got = constant.shape.join("x");
    return complain("constant", `\`@${name.value}\` is declared ${shape.join("x")}, the file has ${got}`, syntax.shape);
  }
  const { digest } = syntax;
  if (digest !== undefined && digest.value !== digestOf(constant)) {
    const message = `\`@${name.value}\` has the digest ${digestOf(constant)} in the file, the text was written with ${digest.value}`;
    const hint =
      "text and file of constants are of different nets; to use these values all the same, delete the digest";
    return complain("constant", message, digest, { hint });
  }
  return constant;
}

/** A declared constant with its values, or nothing after complaining. */
export function resolveConstant(
  syntax: ConstantSyntax,
  given: ReadonlyMap<string, Constant>,
  complain: Complain,
): Constant | undefined {
  const { kind, shape, values } = syntax;
  if (!KINDS.includes(kind.value)) {
    return complain("constant-kind", `no kind of constant \`${kind.value}\``, kind, {
      hint: didYouMean(kind.value, KINDS),
    });
  }
  if (shape.value === undefined) {
    return complain("constant", "a shape needs positive sizes, below 2^31 values in all", shape);
  }
  return values === undefined
    ? externalConstant(syntax, shape.value, given, complain)
    : inlineConstant(syntax, shape.value, values, complain);
}
