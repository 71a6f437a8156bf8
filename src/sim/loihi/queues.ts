import type { LoihiProgram } from "../../backends/program/loihi/program.js";
import type { Diagnostic } from "../../diagnostics/index.js";
import { simDiagnostics } from "../diagnostics.js";
import type { LoihiRunResult } from "./result.js";

/** Queues that are named; more are only counted. */
const NAMED = 8;

/**
 * A warning where queues of a run grew longer than `mesh.queueMessages`: its times hold for queues without limit, so a chip with
 * that many places would have been slower. Undefined where all fit.
 */
export function longQueues(
  { chip }: LoihiProgram,
  { cores, links }: Pick<LoihiRunResult, "cores" | "links">,
): Diagnostic | undefined {
  const { queueMessages } = chip.mesh;
  const queues = [
    ...cores.map(({ injectionPeak }, i) => ({ name: `injection port of core ${i}`, peak: injectionPeak })),
    ...links.map(({ from, to, peak }) => ({ name: `link from tile ${from} to ${to}`, peak })),
    ...cores.map(({ ingressPeak }, i) => ({ name: `ingress of core ${i}`, peak: ingressPeak })),
  ];
  const long = queues.filter(({ peak }) => peak > queueMessages).sort((a, b) => b.peak - a.peak);
  if (long.length === 0) return undefined;
  const count = long.length === 1 ? "a queue" : `${long.length} of ${queues.length} queues`;
  return simDiagnostics.make(
    "queue",
    `${count} held up to ${long[0]!.peak} messages, the chip has places for ${queueMessages}`,
    {
      notes: long.slice(0, NAMED).map(({ name, peak }) => ({ message: `${name}: ${peak} messages` })),
      hint: "times hold for queues without limit; spread the receivers, or raise mesh.queueMessages",
    },
  );
}
