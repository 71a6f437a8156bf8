import { usersOf, valueTypes, type Net } from "../ir/index.js";
import { foldableChain } from "./batch-norm-chain.js";
import type { Fact } from "./pass.js";

/** No batch normalisation is left: what integer nets and chips need. */
export const NO_BATCHNORM: Fact = {
  name: "no-batchnorm",
  doc: "the net has no `norm.batch`",
  violation(net: Net) {
    const left = net.ops.find((op) => op.name === "norm.batch");
    return left === undefined ? undefined : `\`%${left.result}\` is a \`norm.batch\``;
  },
};

/** Every batch normalisation that could be folded was. */
export const NO_FOLDABLE_BATCHNORM: Fact = {
  name: "no-foldable-batchnorm",
  doc: "no `norm.batch` is the only user of a real weighted op whose folded weights are legal",
  violation(net: Net) {
    const [users, types] = [usersOf(net), valueTypes(net)];
    const left = net.ops.find((op) => foldableChain(net, op, users, types) !== undefined);
    return left === undefined ? undefined : `the batch norm behind \`%${left.result}\` can be folded`;
  },
};

/** Real values stand only at the borders of the net. */
export const INTEGERS_ONLY: Fact = {
  name: "integers-only",
  doc: "real values are inputs, read by `to-int` alone, or results of `to-real` that only leave the net",
  violation(net: Net) {
    const types = valueTypes(net);
    const inside = net.ops.find(
      (op) =>
        op.name !== "to-int" &&
        ((op.type.number.kind === "real" && op.name !== "to-real") ||
          op.operands.some((name) => types.get(name)?.number.kind === "real")),
    );
    const border = net.ops.find(
      (op) => op.name === "to-int" && !net.inputs.some(({ name }) => name === op.operands[0]),
    );
    const real = inside ?? border;
    return real === undefined ? undefined : `\`%${real.result}\` (${real.name}) computes with real values`;
  },
};

/** Every fact a pass may name. */
export const FACTS: readonly Fact[] = [NO_BATCHNORM, NO_FOLDABLE_BATCHNORM, INTEGERS_ONLY];
