import type { ImportedRanc } from "../frontend/ranc/index.js";
import { packetsAt } from "../frontend/ranc/index.js";
import { createEvent } from "../sim/loihi/event/index.js";
import type { LoihiMachine, LoihiRunResult } from "../sim/loihi/result.js";
import { createStepped } from "../sim/loihi/stepped/index.js";
import type { LoihiProgram } from "../backends/program/loihi/program.js";
import type { LayerAgreement } from "./agreement.js";
import type { Rung } from "./rung.js";
import { firstDifference } from "./simulators.js";

/** A grid of crossbar cores against the packets that its test bench expects on the output bus, tick by tick. */

const SIMULATORS: readonly (readonly [name: string, create: (program: LoihiProgram) => LoihiMachine])[] = [
  ["stepped", createStepped],
  ["event", createEvent],
];

/** Axons in words, not all of them where they are many. */
function axonsText(axons: readonly number[]): string {
  const shown = axons.slice(0, 8).join(", ");
  return axons.length > 8 ? `${shown}, … (${axons.length})` : shown;
}

/** Expected packets that did not come and packets that nobody expects, of one tick; undefined where there are none. */
function differenceAt(tick: number, expected: readonly number[], got: readonly number[]): string | undefined {
  const missing = expected.filter((axon) => !got.includes(axon));
  const unexpected = got.filter((axon) => !expected.includes(axon));
  if (missing.length + unexpected.length === 0) return undefined;
  const parts = [
    ...(missing.length > 0 ? [`no packet to ${axonsText(missing)}`] : []),
    ...(unexpected.length > 0 ? [`unexpected ones to ${axonsText(unexpected)}`] : []),
  ];
  return `tick ${tick}: ${parts.join(", ")}`;
}

function packetRung(name: string, imported: ImportedRanc, result: LoihiRunResult): Rung {
  const { bench, latency } = imported;
  let mismatches = 0;
  let first: string | undefined;
  for (const [tick, expected] of bench.outputs.entries()) {
    const got = packetsAt(imported, result.outputs, latency + tick);
    mismatches += expected.filter((axon) => !got.includes(axon)).length;
    mismatches += got.filter((axon) => !expected.includes(axon)).length;
    first ??= differenceAt(tick, expected, got);
  }
  const axons = new Set(imported.senders.map(({ axon }) => axon)).size;
  const spikes = bench.outputs.reduce((sum, packets) => sum + packets.length, 0);
  const places = axons * bench.outputs.length;
  const bus: LayerAgreement = {
    name: "output bus",
    removedChannels: 0,
    spikes,
    agreement: places === 0 ? Number(mismatches === 0) : Math.max(0, 1 - mismatches / places),
    mismatches,
    // Packets have no margin.
    outsideMargin: mismatches,
  };
  const what = `${spikes.toLocaleString("en-US")} packets of ${axons} outputs x ${bench.outputs.length} ticks`;
  const detail = first === undefined ? `${what} equal` : `${what}: ${mismatches} differ; first difference: ${first}`;
  return { name, status: first === undefined ? "passed" : "failed", detail, layers: [bus] };
}

function importRung({ grid, bench, layout, program, latency }: ImportedRanc): Rung {
  const inputs = bench.inputs.reduce((sum, packets) => sum + packets.length, 0);
  const detail = [
    `${layout.width} x ${layout.height} cores of ${grid.axons} axons x ${grid.neurons} neurons, ${program.cores.length} working`,
    `output bus at core ${layout.output}`,
    `${inputs.toLocaleString("en-US")} packets in ${bench.inputs.length} ticks`,
    `outputs begin at step ${latency}`,
  ];
  return { name: "import", status: "passed", detail: detail.join(", "), layers: [] };
}

function equalityRung(event: LoihiRunResult, stepped: LoihiRunResult): Rung {
  const difference = firstDifference(event, stepped);
  const what = `states, spikes, counts, queues and times of ${stepped.steps} steps`;
  const detail = difference === undefined ? `${what} equal` : `${what}: ${difference}`;
  return { name: "event against stepped", status: difference === undefined ? "passed" : "failed", detail, layers: [] };
}

/** The rungs of an imported grid: both simulators against the expected packets, and against each other in everything. */
export function runRancLadder(imported: ImportedRanc, onRung: (rung: Rung) => void = () => {}): readonly Rung[] {
  const rungs: Rung[] = [];
  const add = (rung: Rung): void => {
    rungs.push(rung);
    onRung(rung);
  };
  add(importRung(imported));
  const [stepped, event] = SIMULATORS.map(([name, create]) => {
    const result = create(imported.program).run(imported.inputs, { record: true, states: true });
    add(packetRung(`${name}, ${imported.program.chip.name}`, imported, result));
    return result;
  });
  add(equalityRung(event!, stepped!));
  return rungs;
}
