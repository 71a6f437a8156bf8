import {
  isWeighted,
  batchNormAffine,
  checkOp,
  outputsOf,
  toWeights,
  valueTypes,
  viewOf,
  type Net,
  type Op,
  type ValueType,
  type Weights,
} from "../ir/index.js";

/** Batch normalisations behind a weighted op that can be folded into its weights. */
export interface NormChain {
  /** In order; each is the only user of the one before. */
  readonly norms: readonly Op[];
  readonly weights: Weights;
}

/** The affine forms of a chain composed in doubles: x * a + b per channel. */
export function composedAffine(
  net: Net,
  norms: readonly Op[],
  channels: number,
  types: ReadonlyMap<string, ValueType>,
): { a: Float64Array; b: Float64Array } {
  const a = new Float64Array(channels).fill(1);
  const b = new Float64Array(channels);
  for (const norm of norms) {
    const next = batchNormAffine(viewOf(net, norm, types));
    for (let c = 0; c < channels; c++) {
      a[c] = a[c]! * next.a[c]!;
      b[c] = b[c]! * next.a[c]! + next.b[c]!;
    }
  }
  return { a, b };
}

/** w' = w * a and b' = b * a + shift in doubles, put on the grid again; nothing when a value is not finite. */
export function foldedWeights(
  net: Net,
  weights: Weights,
  norms: readonly Op[],
  types: ReadonlyMap<string, ValueType> = valueTypes(net),
): Weights | undefined {
  const out = outputsOf(weights);
  const { a, b } = composedAffine(net, norms, out, types);
  const { mantissa } = weights;
  const scale = Float64Array.from(weights.exponent, (e) => 2 ** -e);
  const values = new Float64Array(mantissa.length);
  let finite = true;
  for (let i = 0, o = 0; i < values.length; i++) {
    const value = mantissa[i]! * scale[o]! * a[o]!;
    values[i] = value;
    finite = finite && Number.isFinite(value);
    if (++o === out) o = 0;
  }
  const bias = Float64Array.from(weights.bias, (m, o) => m * scale[o]! * a[o]! + b[o]!);
  if (!finite || !bias.every(Number.isFinite)) return undefined;
  return toWeights(weights.shape, values, bias);
}

/** The folded weights when the op is still legal with them: sums must stay exact. */
function legalFold(net: Net, op: Op, norms: readonly Op[], types: ReadonlyMap<string, ValueType>): Weights | undefined {
  const [symbol = ""] = op.symbols;
  const weights = net.constants.get(symbol);
  if (weights?.kind !== "weights") return undefined;
  const folded = foldedWeights(net, weights, norms, types);
  if (folded === undefined) return undefined;
  const operandTypes = op.operands.flatMap((name) => types.get(name) ?? []);
  const checked = checkOp(op, operandTypes, new Map([[symbol, folded]]));
  return "type" in checked ? folded : undefined;
}

/** The only reader of a value that leaves the net nowhere. */
export function onlyReader(net: Net, value: string, users: ReadonlyMap<string, readonly Op[]>): Op | undefined {
  const [user, ...others] = users.get(value) ?? [];
  return others.length > 0 || net.outputs.some((output) => output.value === value) ? undefined : user;
}

/**
 * The batch norms behind a real weighted op: every link is the only reader of the value before it, no output reads that
 * value, and at most one of all the ops carries a layer name.
 */
export function normsBehind(net: Net, op: Op, users: ReadonlyMap<string, readonly Op[]>): readonly Op[] {
  if (!isWeighted(op) || op.type.number.kind !== "real") return [];
  const norms: Op[] = [];
  let last = op;
  let layers = op.layer === undefined ? 0 : 1;
  for (;;) {
    const user = onlyReader(net, last.result, users);
    if (user?.name !== "norm.batch") break;
    layers += user.layer === undefined ? 0 : 1;
    if (layers > 1) break;
    norms.push(user);
    last = user;
  }
  return norms;
}

/** Why a batch norm that is still there was not folded into weights, in one sentence, and what to do about it. */
export function whyLeft(net: Net, norm: Op, users: ReadonlyMap<string, readonly Op[]>): string {
  const [value = ""] = norm.operands;
  const producer = net.ops.find((op) => op.result === value);
  if (producer === undefined) return `\`%${value}\` is an input of the net, not a weighted op`;
  if (producer.name === "norm.batch") return `the batch norm \`%${value}\` in front of it stays`;
  if (!isWeighted(producer)) return `\`%${value}\` is a ${producer.name}, not a weighted op`;
  const outputs = net.outputs.filter((output) => output.value === value).map(({ name }) => `output \`${name}\``);
  const others = (users.get(value) ?? []).filter((op) => op !== norm).map((op) => `\`%${op.result}\` (${op.name})`);
  if (outputs.length + others.length > 0) return `\`%${value}\` is also read by ${[...outputs, ...others].join(", ")}`;
  if (producer.layer !== undefined && norm.layer !== undefined) {
    return `both are layers of the source model: ${producer.layer.name}, ${norm.layer.name}`;
  }
  return "folded, its weights would not be finite or their sums not exact";
}

/** The longest chain of batch norms behind a weighted op that can be folded; see {@link normsBehind}. */
export function foldableChain(
  net: Net,
  op: Op,
  users: ReadonlyMap<string, readonly Op[]>,
  types?: ReadonlyMap<string, ValueType>,
): NormChain | undefined {
  const norms = normsBehind(net, op, users);
  const known = norms.length === 0 ? undefined : (types ?? valueTypes(net));
  for (let length = norms.length; length > 0 && known !== undefined; length--) {
    const weights = legalFold(net, op, norms.slice(0, length), known);
    if (weights !== undefined) return { norms: norms.slice(0, length), weights };
  }
  return undefined;
}
