/** RANC's memory files: grids of crossbar cores as in TrueNorth, with the packets of a test bench. */
import type { LoihiChip } from "../../chips/loihi.js";
import { reporting, type Report } from "../../diagnostics/index.js";
import type { RancBench, RancGrid } from "./grid.js";
import { buildProgram, type RancRun } from "./program.js";
import { readBench, readGrid } from "./read.js";

export { rancDiagnostics } from "./diagnostics.js";
export type { RancBench, RancCore, RancGrid, RancNeuron, RancPacket } from "./grid.js";
export type { RancLayout } from "./layout.js";
export { packetsAt, type RancRun } from "./program.js";
export { isRancFolder } from "./read.js";

export interface ImportedRanc extends RancRun {
  readonly grid: RancGrid;
  readonly bench: RancBench;
}

/**
 * Reads a folder of memory files and test bench, and builds the program for a chip of profile `truenorth`; undefined after a fault,
 * which is in the report. `width`: cores in a row of the grid, found from the packets where it is not given.
 */
export function importRanc(folder: string, chip: LoihiChip, report: Report, width?: number): ImportedRanc | undefined {
  return reporting(report, () => {
    const grid = readGrid(folder);
    const bench = readBench(grid);
    return { grid, bench, ...buildProgram(grid, bench, chip, width) };
  });
}
