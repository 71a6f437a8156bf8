import { DiagnosticError } from "../../diagnostics/index.js";
import { elements, type Tensor } from "../../math/tensor.js";
import type { MakeTensor } from "../models/tensors.js";
import { randomDiagnostics } from "./diagnostics.js";
import { Generator } from "./generator.js";

const STD = 0.02;
const LIMIT = 2;

/** Parameters of a random network: 1 GiB of floats, four times the largest published one. */
export const MAX_PARAMETERS = 2 ** 28;

function filled(shape: readonly number[], value: () => number): Tensor {
  const data = new Float32Array(elements(shape));
  for (let i = 0; i < data.length; i++) data[i] = value();
  return { dtype: "f32", shape, data };
}

/**
 * The initialisation of the official STAtten and SDT classes (BICLab/Spike-Driven-Transformer, `_init_weights`): weights of
 * two-dimensional convolutions, the 1x1 ones included, from a normal of deviation 0.02 truncated at the absolute values -2 and
 * 2, that is at 100 deviations; their biases 0; batch norms gamma 1, beta 0, mean 0, variance 1. Everything else has PyTorch's
 * default, uniform in +-1 / sqrt(fan-in): the head's weight and bias, and `talking_heads`.
 */
export function officialInitialisation(seed: number): MakeTensor {
  let total = 0;
  return (name, shape, role) => {
    total += elements(shape);
    if (total > MAX_PARAMETERS) {
      const message = `at \`${name}\` (${shape.join("x")}) the network has more than ${MAX_PARAMETERS} parameters`;
      throw new DiagnosticError(
        randomDiagnostics.make("size", message, { hint: "make dim, depth or mlp-ratio smaller" }),
      );
    }
    const random = new Generator(seed, name);
    switch (role.kind) {
      case "conv":
        return filled(shape, () => {
          for (;;) {
            const w = random.normal() * STD;
            if (Math.abs(w) <= LIMIT) return w;
          }
        });
      case "uniform": {
        const bound = 1 / Math.sqrt(role.fanIn);
        return filled(shape, () => (2 * random.uniform() - 1) * bound);
      }
      case "constant":
        return filled(shape, () => role.value);
      case "counter":
        return { dtype: "i64", shape, data: new Float64Array(elements(shape)) };
    }
  };
}
