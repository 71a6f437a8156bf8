import type { InstructionFor } from "../../../../backends/program/instruction.js";
import type { Chip } from "./chip.js";
import { resultOf } from "./parameters.js";
import type { Tile } from "./tiles.js";

/** Sums of the weight rows of a tile's lists, for one block of outputs. */
export function accumulate({ layer, fields: f }: InstructionFor<"accumulate">, tile: Tile, chip: Chip): void {
  const { lanes, kernels, counters } = chip;
  const rows = f.kernel ** 2 * f.channels;
  const { bits, address, rowBytes, magnitude } = chip.weights.block(f.weights, rows, f.planes);
  const job = {
    ...resultOf(f, chip),
    lists: tile.lists,
    firstPosition: 0,
    positions: tile.lists.positions,
    lanes,
    weights: address,
    rowBytes,
    rows,
    magnitude,
  };
  if (bits === 8) kernels.sum8(job);
  else kernels.sum32(job);
  counters.add(layer, "row", f.firstStep, tile.work.rows);
  tile.spikes.forEach((spikes, s) => counters.add(layer, "ac", f.firstStep + s, spikes * f.lanesUsed));
}
