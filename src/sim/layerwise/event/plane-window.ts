import type { FieldsOf } from "../../../backends/program/instruction.js";

/** The words under the window of one output word of `pool-plane`: tokens firstRow to before endRow, blocks alike. */
export interface PlaneWindow {
  readonly firstRow: number;
  readonly endRow: number;
  readonly firstBlock: number;
  readonly endBlock: number;
}

export function planeWindow(f: FieldsOf<"pool-plane">, position: number, block: number, lanes: number): PlaneWindow {
  const reach = (f.kernel - 1) / 2;
  const d = f.headDim;
  const first = block * lanes;
  const last = Math.min(f.channels, first + lanes) - 1;
  const low = Math.max(first - (first % d), first - reach);
  const high = Math.min(last - (last % d) + d - 1, last + reach);
  return {
    firstRow: Math.max(0, position - reach),
    endRow: Math.min(f.positions, position + reach + 1),
    firstBlock: Math.floor(low / lanes),
    endBlock: Math.floor(high / lanes) + 1,
  };
}
