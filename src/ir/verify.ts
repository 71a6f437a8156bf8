import { didYouMean, type Diagnostic, type DiagnosticDetails } from "../diagnostics/index.js";
import { EXACT_LIMIT, MAX_MANTISSA } from "../math/grid.js";
import { elements } from "../math/tensor.js";
import { checkOp, type OpPart } from "./check.js";
import type { Constant } from "./constant.js";
import { irDiagnostics } from "./diagnostics.js";
import { viewOf } from "./evaluate.js";
import { components, connectedGroups, isCycle, netTimesteps, type GraphNode } from "./graph.js";
import { valueTypes, type LayerIdentity, type Net, type Op } from "./net.js";
import { findOp } from "./ops/index.js";
import { channelsOf, printType, sameType, timestepsOf, type ValueType } from "./types.js";

/** What of a net a fault is about, so that a parser can point into the text. */
export type Subject =
  | { readonly kind: "op"; readonly op: Op; readonly part: OpPart }
  | { readonly kind: "input"; readonly index: number }
  | { readonly kind: "output"; readonly index: number }
  | { readonly kind: "constant"; readonly name: string };

export interface NetFault {
  readonly diagnostic: Diagnostic;
  readonly subject: Subject;
}

const NAME: OpPart = { kind: "name" };

/** Ops without a text are located by the tensor or module they came from. */
function details(op: Op, more: DiagnosticDetails = {}): DiagnosticDetails {
  return op.origin === undefined ? more : { location: { kind: "file", file: op.origin }, ...more };
}

/** Values that need themselves in the same timestep: members of cycles without a `delay`. */
export function instantCycles(ops: readonly (GraphNode & Pick<Op, "name">)[]): ReadonlySet<string> {
  const groups = connectedGroups(ops.filter((op) => op.name !== "delay"));
  return new Set(groups.filter(isCycle).flatMap((group) => group.map((op) => op.result)));
}

/** Every name is defined once, and before it is used unless a delay uses it. */
function nameFaults(net: Net): NetFault[] {
  const faults: NetFault[] = [];
  const defined = new Set<string>();
  for (const [index, { name }] of net.inputs.entries()) {
    if (defined.has(name)) {
      const message = `two inputs are named \`%${name}\``;
      faults.push({
        diagnostic: irDiagnostics.make("duplicate-value", message),
        subject: { kind: "input", index },
      });
    }
    defined.add(name);
  }
  const all = new Set([...defined, ...net.ops.map((op) => op.result)]);
  let cyclic: ReadonlySet<string> | undefined;
  for (const op of net.ops) {
    for (const [index, operand] of op.operands.entries()) {
      if (defined.has(operand) || (op.name === "delay" && all.has(operand))) continue;
      const subject: Subject = { kind: "op", op, part: { kind: "operand", index } };
      if (!all.has(operand)) {
        const hint = didYouMean(operand, [...defined].slice(-200));
        const diagnostic = irDiagnostics.make("unknown-value", `no value \`%${operand}\``, details(op, { hint }));
        faults.push({ subject, diagnostic });
        continue;
      }
      cyclic ??= instantCycles(net.ops);
      faults.push({ subject, diagnostic: orderDiagnostic(operand, op.result, cyclic, details(op)) });
    }
    if (defined.has(op.result)) {
      const message = `\`%${op.result}\` is defined twice`;
      const diagnostic = irDiagnostics.make("duplicate-value", message, details(op));
      faults.push({ subject: { kind: "op", op, part: NAME }, diagnostic });
    }
    defined.add(op.result);
  }
  return faults;
}

/** Says that a value is used too early: out of order, or in a cycle without a delay. */
export function orderDiagnostic(
  operand: string,
  user: string,
  cyclic: ReadonlySet<string>,
  more: DiagnosticDetails,
): Diagnostic {
  if (cyclic.has(operand) && cyclic.has(user)) {
    const message = `\`%${user}\` and \`%${operand}\` need each other in the same timestep`;
    return irDiagnostics.make("cycle", message, { ...more, hint: "let the cycle pass through a `delay`" });
  }
  return irDiagnostics.make("used-before-definition", `\`%${operand}\` is used before it is defined`, {
    ...more,
    hint: "define it first; only `delay` may refer to a value defined later",
  });
}

/** Every op satisfies its definition, and its stored type is the inferred one. */
function typeFaults(net: Net, types: ReadonlyMap<string, ValueType>): NetFault[] {
  return net.ops.flatMap((op): NetFault[] => {
    const operandTypes = op.operands.flatMap((name) => types.get(name) ?? []);
    const checked = checkOp(op, operandTypes, net.constants, details(op));
    if ("faults" in checked) {
      return checked.faults.map(({ diagnostic, part }) => ({ diagnostic, subject: { kind: "op", op, part } }));
    }
    if (sameType(checked.type, op.type)) return [];
    const message = `\`%${op.result}\` is declared ${printType(op.type)}, its operands give ${printType(checked.type)}`;
    return [
      {
        diagnostic: irDiagnostics.make("type-mismatch", message, details(op)),
        subject: { kind: "op", op, part: NAME },
      },
    ];
  });
}

function typeProblem(type: ValueType): string | undefined {
  const { number, time, shape } = type;
  const positive = (n: number): boolean => Number.isSafeInteger(n) && n >= 1;
  if (!positive(time.count) || !positive(time.period)) return "needs a time axis of positive integers";
  if (shape.length === 0 || !shape.every(positive) || elements(shape) >= 2 ** 31) {
    return "needs a shape of positive integers, below 2^31 values in all";
  }
  if (number.kind === "real") return undefined;
  const inRange = number.lo <= number.hi && number.lo >= -(2 ** 31) && number.hi < 2 ** 31;
  const whole = [number.lo, number.hi, number.exp].every(Number.isInteger);
  return inRange && whole ? undefined : "needs a range of 32-bit integers";
}

function inputFaults(net: Net): NetFault[] {
  return net.inputs.flatMap(({ name, type }, index): NetFault[] => {
    const wrong = typeProblem(type);
    if (wrong === undefined) return [];
    const diagnostic = irDiagnostics.make("shape-mismatch", `input \`%${name}\` of type ${printType(type)} ${wrong}`);
    return [{ diagnostic, subject: { kind: "input", index } }];
  });
}

/** All values of a net live over the same number of timesteps. */
function timestepFaults(net: Net): NetFault[] {
  const [first] = net.inputs;
  const timesteps = netTimesteps(net);
  const reference = first === undefined ? "the first value" : `\`%${first.name}\``;
  const say = (name: string, type: ValueType): Diagnostic =>
    irDiagnostics.make("timesteps", `\`%${name}\` has ${timestepsOf(type.time)} timesteps, ${reference} ${timesteps}`, {
      hint: `write ${type.time.period > 1 && type.time.count === 1 ? `1t/${timesteps}` : `${timesteps}t`}`,
    });
  const inputs = net.inputs.flatMap(({ name, type }, index): NetFault[] =>
    timestepsOf(type.time) === timesteps ? [] : [{ diagnostic: say(name, type), subject: { kind: "input", index } }],
  );
  if (inputs.length > 0) return inputs;
  const op = net.ops.find(({ type }) => timestepsOf(type.time) !== timesteps);
  return op === undefined ? [] : [{ diagnostic: say(op.result, op.type), subject: { kind: "op", op, part: NAME } }];
}

/** Nothing in a cycle may look at more than one timestep. */
function cycleFaults(net: Net, types: ReadonlyMap<string, ValueType>): NetFault[] {
  const faults: NetFault[] = [];
  for (const component of components(net)) {
    if (!component.cyclic) continue;
    for (const op of component.ops) {
      const temporal = findOp(op.name)?.temporal(viewOf(net, op, types));
      const chunk = temporal?.kind === "chunked" ? temporal.chunk : 1;
      if (temporal?.kind !== "sequence" && chunk === 1) continue;
      const what = temporal?.kind === "sequence" ? "needs the whole sample" : `needs chunks of ${chunk} timesteps`;
      const message = `\`%${op.result}\` lies in a cycle, and \`${op.name}\` ${what}`;
      const hint = chunk > 1 ? "use chunk = 1, or take the op out of the cycle" : "take the op out of the cycle";
      const part: OpPart = chunk > 1 ? { kind: "attr", name: "chunk" } : NAME;
      const diagnostic = irDiagnostics.make("cycle", message, details(op, { hint }));
      faults.push({ diagnostic, subject: { kind: "op", op, part } });
    }
  }
  return faults;
}

/** Says what is wrong with the channels that a layer has lost, or nothing. */
function removedProblem({ removed }: LayerIdentity, channels: number): string | undefined {
  if (removed === undefined) return undefined;
  if (removed.length === 0) return "has an empty list of removed channels";
  const odd = removed.findIndex((c, i) => !(Number.isSafeInteger(c) && c > (removed[i - 1] ?? -1)));
  if (odd >= 0) return `lists ${removed[odd]} among the removed channels; they ascend from 0`;
  const all = channels + removed.length;
  const last = removed[removed.length - 1] ?? 0;
  return last < all ? undefined : `lists ${last} among the removed channels, of ${all} channels in all`;
}

function layerFaults(net: Net): NetFault[] {
  const seen = new Map<string, Op>();
  return net.ops.flatMap((op): NetFault[] => {
    if (op.layer === undefined) return [];
    const wrong = removedProblem(op.layer, channelsOf(op.type));
    if (wrong !== undefined) {
      const message = `layer \`${op.layer.name}\` of \`%${op.result}\` ${wrong}`;
      const diagnostic = irDiagnostics.make("layer", message, details(op));
      return [{ diagnostic, subject: { kind: "op", op, part: NAME } }];
    }
    const before = seen.get(op.layer.name);
    seen.set(op.layer.name, before ?? op);
    if (before === undefined) return [];
    const message = `layer \`${op.layer.name}\` is both \`%${before.result}\` and \`%${op.result}\``;
    const diagnostic = irDiagnostics.make("duplicate-layer", message, details(op));
    return [{ diagnostic, subject: { kind: "op", op, part: NAME } }];
  });
}

function outputFaults(net: Net, types: ReadonlyMap<string, ValueType>): NetFault[] {
  const seen = new Set<string>();
  return net.outputs.flatMap(({ name, value }, index): NetFault[] => {
    const twice = seen.has(name);
    seen.add(name);
    const subject: Subject = { kind: "output", index };
    if (twice) {
      return [{ subject, diagnostic: irDiagnostics.make("duplicate-value", `two outputs are named \`${name}\``) }];
    }
    if (types.has(value)) return [];
    const hint = didYouMean(value, [...types.keys()].slice(-200));
    return [{ subject, diagnostic: irDiagnostics.make("unknown-value", `no value \`%${value}\``, { hint }) }];
  });
}

/** Constants that were found to be legal; they never change and may hold millions of weights. */
const LEGAL_CONSTANTS = new WeakSet<Constant>();

/** A plain loop: constants hold millions of mantissas, and a callback for each is slow. */
function firstWide(mantissa: Int32Array): number {
  for (let i = 0; i < mantissa.length; i++) if (Math.abs(mantissa[i]!) > MAX_MANTISSA) return i;
  return -1;
}

/** Says what is wrong with a constant, or nothing: shapes, finite numbers, mantissas of 24 bits. */
export function constantProblem(constant: Constant): string | undefined {
  if (LEGAL_CONSTANTS.has(constant)) return undefined;
  const { shape } = constant;
  if (shape.length === 0 || !shape.every((d) => Number.isSafeInteger(d) && d >= 1)) {
    return `has the shape [${shape.join(", ")}], sizes are positive integers`;
  }
  const values = constant.kind === "weights" ? constant.mantissa : constant.data;
  if (values.length !== elements(shape)) return `has ${values.length} values, its shape ${elements(shape)}`;
  if (constant.kind === "real") {
    if (!constant.data.every(Number.isFinite)) return "holds a value that is not finite";
  } else if (constant.kind === "weights") {
    const { mantissa, exponent, bias } = constant;
    const out = shape[shape.length - 1] ?? 0;
    if (exponent.length !== out) return `has ${exponent.length} exponents, ${out} output channels`;
    if (bias.length !== out) return `has ${bias.length} biases, ${out} output channels`;
    const wide = firstWide(mantissa);
    if (wide >= 0) return `holds the mantissa ${mantissa[wide]} at ${wide}, the limit is ${MAX_MANTISSA}`;
    const legalBias = (b: number): boolean => Number.isInteger(b) && Math.abs(b) < EXACT_LIMIT;
    const odd = bias.findIndex((b) => !legalBias(b));
    if (odd >= 0) return `holds the bias mantissa ${bias[odd]} at ${odd}, it must be an integer below 2^53`;
  }
  LEGAL_CONSTANTS.add(constant);
  return undefined;
}

function constantFaults(net: Net): NetFault[] {
  return [...net.constants].flatMap(([name, constant]): NetFault[] => {
    const wrong = constantProblem(constant);
    if (wrong === undefined) return [];
    return [
      { diagnostic: irDiagnostics.make("constant", `\`@${name}\` ${wrong}`), subject: { kind: "constant", name } },
    ];
  });
}

/** The rules that hold between ops that are legal one by one; names and types must be right already. */
export function structureFaults(net: Net): readonly NetFault[] {
  const types = valueTypes(net);
  return [
    ...inputFaults(net),
    ...timestepFaults(net),
    ...cycleFaults(net, types),
    ...layerFaults(net),
    ...outputFaults(net, types),
  ];
}

/**
 * Checks every rule of the IR: names, order, types, constants, time axes, cycles, layers, outputs. Later groups of rules
 * are checked only when the earlier ones hold, because they would repeat the same faults.
 */
export function verifyNet(net: Net): readonly Diagnostic[] {
  const groups: (() => readonly NetFault[])[] = [
    () => [...nameFaults(net), ...constantFaults(net)],
    () => typeFaults(net, valueTypes(net)),
    () => structureFaults(net),
  ];
  for (const faults of groups) {
    const found = faults();
    if (found.length > 0) return found.map((fault) => fault.diagnostic);
  }
  return [];
}
