import type { Port, Program } from "../../backends/program/program.js";
import { DiagnosticError } from "../../diagnostics/index.js";
import { simDiagnostics } from "../diagnostics.js";

/** Values of an input or output, [slots, positions, channels]: f32 where the port is real, i32 where it is int. */
export type PortValues = Float32Array | Int32Array;

function layout({ shape, slots }: Port): { channels: number; positions: number; values: number } {
  const channels = shape.at(-1) ?? 1;
  const positions = shape.slice(0, -1).reduce((product, n) => product * n, 1);
  return { channels, positions, values: slots * positions * channels };
}

/**
 * The host's part before a run: copies the inputs into DRAM, channels padded to blocks of `lanes`. `dram` holds its bytes from
 * `first` on, a multiple of 4.
 */
export function writeInputs(
  program: Program,
  inputs: ReadonlyMap<string, PortValues>,
  dram: Uint8Array,
  first = 0,
): void {
  for (const port of program.inputs) {
    const values = inputs.get(port.name);
    const { values: expected } = layout(port);
    const got =
      values === undefined ? "nothing" : `${values.length} ${values instanceof Int32Array ? "integer" : "real"} values`;
    const format = values instanceof Int32Array ? "int" : "real";
    if (values === undefined || values.length !== expected || format !== port.format) {
      const kind = port.format === "int" ? "integer" : "real";
      throw new DiagnosticError(
        simDiagnostics.make("input", `input \`${port.name}\` needs ${expected} ${kind} values, got ${got}`),
      );
    }
    copyPort(port, program.chip.lanes, dram, first, (view, i, at) => (view[at] = values[i]!));
  }
}

/** The host's part after a run. */
export function readOutputs(program: Program, dram: Uint8Array, first = 0): Map<string, PortValues> {
  const outputs = new Map<string, PortValues>();
  for (const port of program.outputs) {
    const { values } = layout(port);
    const out = port.format === "int" ? new Int32Array(values) : new Float32Array(values);
    copyPort(port, program.chip.lanes, dram, first, (view, i, at) => (out[i] = view[at]!));
    outputs.set(port.name, out);
  }
  return outputs;
}

/** Visits each value of a port: its index without padding, and its place in a view of the DRAM bytes from `first` on. */
function copyPort(
  port: Port,
  lanes: number,
  dram: Uint8Array,
  first: number,
  visit: (view: PortValues, i: number, at: number) => void,
): void {
  const { channels, positions } = layout(port);
  const padded = Math.ceil(channels / lanes) * lanes;
  const view = port.format === "int" ? new Int32Array(dram.buffer) : new Float32Array(dram.buffer);
  let i = 0;
  for (let slot = 0; slot < port.slots; slot++) {
    const start = (port.dram - first + slot * port.slotStride) / 4;
    for (let p = 0; p < positions; p++) {
      for (let c = 0; c < channels; c++) visit(view, i++, start + p * padded + c);
    }
  }
}
