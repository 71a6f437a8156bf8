import { defineOp, instant, only, problem, type OpView } from "../op.js";
import { channelsOf, REAL } from "../types.js";

/** The affine form of a batch-norm: a = weight / sqrt(var + eps), b = bias - mean * a, in doubles. */
export function batchNormAffine(view: OpView): { a: Float64Array; b: Float64Array } {
  const [weight, bias, mean, variance] = [view.real(0), view.real(1), view.real(2), view.real(3)];
  const n = weight.data.length;
  const a = new Float64Array(n);
  const b = new Float64Array(n);
  for (let c = 0; c < n; c++) {
    a[c] = weight.data[c]! / Math.sqrt(variance.data[c]! + view.number("eps"));
    b[c] = bias.data[c]! - mean.data[c]! * a[c]!;
  }
  return { a, b };
}

export const batchNorm = defineOp({
  name: "norm.batch",
  summary: "batch normalisation in evaluation mode, not yet folded",
  doc: `y = fl(fl(x * a) + b), a = fl32(weight / sqrt(var + eps)), b = fl32(bias - mean * weight / sqrt(var + eps))
a and b are computed in doubles and rounded once to f32. Removed by fold-batchnorm.`,
  operands: [{ name: "x", accepts: "real", doc: "currents" }],
  symbols: [
    { name: "weight", kind: "real", doc: "gamma, [C]" },
    { name: "bias", kind: "real", doc: "beta, [C]" },
    { name: "mean", kind: "real", doc: "running mean, [C]" },
    { name: "variance", kind: "real", doc: "running variance, [C]" },
  ],
  attrs: { eps: { type: "number", default: 1e-5, doc: "added to the variance" } },
  temporal: instant,
  spatial: "pointwise",
  infer(view) {
    const x = view.operand(0);
    for (const [index, symbol] of view.definition.symbols.entries()) {
      const { shape } = view.real(index);
      if (shape.length !== 1 || shape[0] !== channelsOf(x)) {
        return problem(
          "shape-mismatch",
          `\`${symbol.name}\` has shape ${shape.join("x")}, the operand ${channelsOf(x)} channels`,
        );
      }
    }
    if (view.real(3).data.some((v) => v + view.number("eps") <= 0)) {
      return problem("attribute", "a running variance plus eps is not positive");
    }
    return { number: REAL, time: x.time, shape: x.shape };
  },
  step({ view, type }, _state, [x]) {
    const input = only(x);
    const affine = batchNormAffine(view);
    const a = Float32Array.from(affine.a);
    const b = Float32Array.from(affine.b);
    const channels = channelsOf(type);
    const y = new Float32Array(input.length);
    for (let i = 0; i < y.length; i++) y[i] = Math.fround(input[i]! * a[i % channels]!) + b[i % channels]!;
    return [y];
  },
  examples: [
    {
      text: `net @example(%x: real<1t, 1x2>) -> real<1t, 1x2> {
  const @gamma : real<2> = [2, 1]
  const @beta : real<2> = [0, 0.5]
  const @mean : real<2> = [1, 0]
  const @var : real<2> = [0.25, 1]
  %y = norm.batch %x, @gamma, @beta, @mean, @var {eps = 0} : real<1t, 1x2>
  return %y
}`,
      inputs: { x: [2, 3] },
      outputs: { y: [4, 3.5] },
    },
  ],
});
