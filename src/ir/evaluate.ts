import { DiagnosticError, internalError } from "../diagnostics/index.js";
import { irDiagnostics } from "./diagnostics.js";
import { components } from "./graph.js";
import { plainKernels } from "./kernels.js";
import { valueTypes, type Net, type Op } from "./net.js";
import {
  newSlot,
  OpView,
  type LinearKernels,
  type OpState,
  type Slot,
  type StepContext,
  type TemporalClass,
} from "./op.js";
import { findOp } from "./ops/index.js";
import { slotSize, timestepsOf, type ValueType } from "./types.js";

/**
 * The meaning of a net: plain, dense, obviously right. Everything fast is tested against it.
 *
 * Values are lists of slots, one per moment of their time axis. Ops outside cycles run to the end of the sample one after
 * the other; the ops of a cycle run step by step.
 */

export type Value = readonly Slot[];

/** State of all stateful ops, by result name. */
export type NetState = ReadonlyMap<string, OpState>;

export interface EvaluateOptions {
  readonly kernels?: LinearKernels;
  /** State handed over from an earlier run; the default is the reset state. */
  readonly state?: NetState;
  /** Sees every result slot as it is computed, and may replace what later ops read (teacher forcing). */
  readonly intercept?: (op: Op, computed: Slot, moment: number) => Slot;
}

export interface Evaluation {
  /** All values of the net by name, inputs included. */
  readonly values: ReadonlyMap<string, Value>;
  readonly outputs: ReadonlyMap<string, Value>;
  readonly state: NetState;
}

/** A checked view of an op inside a net. */
export function viewOf(net: Net, op: Op, types: ReadonlyMap<string, ValueType> = valueTypes(net)): OpView {
  const definition = findOp(op.name);
  if (definition === undefined) throw internalError(`no op ${op.name}`);
  const operandTypes = op.operands.map((name) => {
    const type = types.get(name);
    if (type === undefined) throw internalError(`no value %${name}`);
    return type;
  });
  return new OpView(op, definition, operandTypes, net.constants);
}

/** Timesteps of one unit of work of an op. */
function unitOf(temporal: TemporalClass, type: ValueType): number {
  switch (temporal.kind) {
    case "instant":
      return type.time.period;
    case "stateful":
      return 1;
    case "chunked":
      return temporal.chunk;
    case "sequence":
      return timestepsOf(type.time);
  }
}

/** Runs one op of a net; holds its state and where it is in time. */
class OpRunner {
  private readonly context: StepContext;
  private readonly state: OpState;
  readonly unit: number;
  readonly results: Slot[] = [];

  constructor(
    private readonly op: Op,
    private readonly view: OpView,
    private readonly values: Map<string, Value>,
    private readonly options: EvaluateOptions,
  ) {
    this.context = { view, type: op.type, kernels: options.kernels ?? plainKernels };
    const given = options.state?.get(op.result);
    this.state = given === undefined ? (view.definition.init?.(this.context) ?? {}) : copyState(given);
    this.unit = unitOf(view.definition.temporal(view), op.type);
    values.set(op.result, this.results);
  }

  /** The output of a delay at this timestep, before its operand is known. */
  emit(): void {
    const emit = this.view.definition.emit;
    if (emit !== undefined) this.push(emit(this.context, this.state));
  }

  /** One unit of work, starting at timestep `t`. */
  step(t: number): void {
    const operands = this.op.operands.map((name, index) => {
      const { period } = this.view.operand(index).time;
      const first = Math.floor(t / period);
      const count = Math.max(1, this.unit / period);
      return this.values.get(name)?.slice(first, first + count) ?? [];
    });
    for (const slot of this.view.definition.step(this.context, this.state, operands)) this.push(slot);
  }

  private push(slot: Slot): void {
    this.results.push(this.options.intercept?.(this.op, slot, this.results.length) ?? slot);
  }

  finish(states: Map<string, OpState>): void {
    if (Object.keys(this.state).length > 0) states.set(this.op.result, this.state);
  }
}

function copyState(state: OpState): OpState {
  return Object.fromEntries(Object.entries(state).map(([name, slot]) => [name, slot.slice()]));
}

/** Splits a flat array (all moments, C order) into the slots of a type. */
export function toValue(type: ValueType, data: ArrayLike<number>): Value {
  const size = slotSize(type);
  return Array.from({ length: type.time.count }, (_, moment) => {
    const slot = newSlot(type);
    for (let i = 0; i < size; i++) slot[i] = data[moment * size + i] ?? 0;
    return slot;
  });
}

/** Joins the slots of a value into one flat array. */
export function flatten(value: Value): Slot {
  const first = value[0];
  if (first === undefined) return new Float32Array(0);
  const flat =
    first instanceof Float32Array
      ? new Float32Array(first.length * value.length)
      : new Int32Array(first.length * value.length);
  for (const [moment, slot] of value.entries()) flat.set(slot, moment * first.length);
  return flat;
}

function checkInput(name: string, type: ValueType, data: ArrayLike<number>): Value {
  const needed = slotSize(type) * type.time.count;
  if (data.length !== needed) {
    throw new DiagnosticError(
      irDiagnostics.make("input-shape", `input \`${name}\` needs ${needed} values, got ${data.length}`),
    );
  }
  const { number } = type;
  for (let i = 0; i < data.length; i++) {
    const x = data[i]!;
    const legal = number.kind === "real" ? Number.isFinite(x) : Number.isInteger(x) && x >= number.lo && x <= number.hi;
    if (legal) continue;
    const expected = number.kind === "real" ? "a finite number" : `an integer in ${number.lo}..${number.hi}`;
    throw new DiagnosticError(
      irDiagnostics.make("range", `input \`${name}\` holds ${x} at ${i}, expected ${expected}`),
    );
  }
  return toValue(type, data);
}

/**
 * Runs a net on one sample. `inputs` are flat arrays, all moments, by input name. Throws a {@link DiagnosticError} when an
 * input has the wrong size or leaves its declared range; the net itself must be verified.
 */
export function evaluate(
  net: Net,
  inputs: ReadonlyMap<string, ArrayLike<number>>,
  options: EvaluateOptions = {},
): Evaluation {
  const types = valueTypes(net);
  const values = new Map<string, Value>();
  for (const { name, type } of net.inputs) {
    const data = inputs.get(name);
    if (data === undefined)
      throw new DiagnosticError(irDiagnostics.make("input-shape", `input \`${name}\` is missing`));
    values.set(name, checkInput(name, type, data));
  }
  const states = new Map<string, OpState>();
  for (const component of components(net)) {
    const runners = component.ops.map((op) => new OpRunner(op, viewOf(net, op, types), values, options));
    if (component.cyclic) runInSteps(runners, component.timesteps);
    else for (const runner of runners) runToEnd(runner, component.timesteps);
    for (const runner of runners) runner.finish(states);
  }
  const outputs = new Map(net.outputs.map((output) => [output.name, values.get(output.value) ?? []]));
  return { values, outputs, state: states };
}

/**
 * Runs one op that lies in no cycle to the end of the sample, from its reset state: reads its operands from `values` and puts its
 * result there. For callers that choose constants while they walk a net.
 */
export function runOp(net: Net, op: Op, types: ReadonlyMap<string, ValueType>, values: Map<string, Value>): void {
  runToEnd(new OpRunner(op, viewOf(net, op, types), values, {}), timestepsOf(op.type.time));
}

function runToEnd(runner: OpRunner, timesteps: number): void {
  for (let t = 0; t < timesteps; t += runner.unit) {
    runner.emit();
    runner.step(t);
  }
}

function runInSteps(runners: readonly OpRunner[], timesteps: number): void {
  for (let t = 0; t < timesteps; t++) {
    for (const runner of runners) runner.emit();
    for (const runner of runners) runner.step(t);
  }
}
