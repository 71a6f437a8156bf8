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

/** Every fact a pass may name. */
export const FACTS: readonly Fact[] = [NO_BATCHNORM, NO_FOLDABLE_BATCHNORM];
