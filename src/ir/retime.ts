import type { Diagnostic } from "../diagnostics/index.js";
import { checkOp } from "./check.js";
import { irDiagnostics } from "./diagnostics.js";
import { viewOf } from "./evaluate.js";
import { netTimesteps } from "./graph.js";
import { valueTypes, type Net, type NetInput, type Op } from "./net.js";
import { everyStep, printType, type TimeAxis, type ValueType } from "./types.js";
import { verifyNet } from "./verify.js";

export interface Retimed {
  /** Absent when the number of timesteps does not fit. */
  readonly net?: Net;
  readonly diagnostics: readonly Diagnostic[];
}

/**
 * The time axis of an input for another number of timesteps: one value per timestep stays that, one value per sample too,
 * others keep their period. In a net of one timestep both first cases look the same and count as one value per timestep.
 */
function retimeAxis(time: TimeAxis, timesteps: number): TimeAxis | undefined {
  if (time.period === 1) return everyStep(timesteps);
  if (time.count === 1) return { count: 1, period: timesteps };
  return timesteps % time.period === 0 ? { count: timesteps / time.period, period: time.period } : undefined;
}

/**
 * The same net for another number of timesteps: inputs and constants are re-timed and all types inferred again. Every chunk must
 * divide the new number, and a constant with values of its own for each timestep cannot be re-timed. State of one fits the other (see {@link checkResumable}).
 */
export function retime(net: Net, timesteps: number): Retimed {
  if (!Number.isSafeInteger(timesteps) || timesteps < 1) {
    const message = `a net needs a positive number of timesteps, got ${timesteps}`;
    return { diagnostics: [irDiagnostics.make("timesteps", message)] };
  }
  if (timesteps === netTimesteps(net)) return { net, diagnostics: [] };
  const diagnostics: Diagnostic[] = [];
  const types = new Map<string, ValueType>();
  const inputs = net.inputs.map((input): NetInput => {
    const time = retimeAxis(input.type.time, timesteps);
    if (time === undefined) {
      const message = `\`%${input.name}\` of type ${printType(input.type)} does not fit ${timesteps} timesteps`;
      diagnostics.push(
        irDiagnostics.make("timesteps", message, { hint: `use a multiple of ${input.type.time.period}` }),
      );
    }
    const type = { ...input.type, time: time ?? input.type.time };
    types.set(input.name, type);
    return { ...input, type };
  });
  // A delay may be read before its operand is known; it has one value per timestep whatever its operand.
  for (const op of net.ops) {
    if (op.name === "delay") types.set(op.result, { ...op.type, time: everyStep(timesteps) });
  }
  const ops: Op[] = [];
  for (const op of diagnostics.length > 0 ? [] : net.ops) {
    const type = op.name === "delay" ? types.get(op.result) : inferType(net, op, timesteps, types, diagnostics);
    if (type === undefined) break;
    types.set(op.result, type);
    ops.push({ ...op, type });
  }
  if (diagnostics.length > 0) return { diagnostics };
  const retimed: Net = { ...net, inputs, ops };
  const faults = verifyNet(retimed);
  return faults.length > 0 ? { diagnostics: faults } : { net: retimed, diagnostics: [] };
}

function inferType(
  net: Net,
  op: Op,
  timesteps: number,
  types: ReadonlyMap<string, ValueType>,
  diagnostics: Diagnostic[],
): ValueType | undefined {
  const operandTypes = op.operands.flatMap((name) => types.get(name) ?? []);
  // What an op without operands declares follows the net; whether its values can is what its definition says.
  const time = retimeAxis(op.type.time, timesteps) ?? op.type.time;
  const checked = checkOp({ ...op, type: { ...op.type, time } }, operandTypes, net.constants);
  if ("type" in checked) return checked.type;
  diagnostics.push(...checked.faults.map((fault) => fault.diagnostic));
  return undefined;
}

/** Why a net cannot be run in pieces with state handed over: one diagnostic per op that needs the whole sample. */
export function checkResumable(net: Net): readonly Diagnostic[] {
  const types = valueTypes(net);
  return net.ops.flatMap((op) => {
    const view = viewOf(net, op, types);
    if (view.definition.temporal(view).kind !== "sequence") return [];
    const message = `\`%${op.result}\` (\`${op.name}\`) needs the whole sample, so the net cannot be run in pieces`;
    return [
      irDiagnostics.make("not-resumable", message, { hint: "end the net before it, or run all timesteps at once" }),
    ];
  });
}
