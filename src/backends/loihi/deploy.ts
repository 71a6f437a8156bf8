import type { LoihiChip } from "../../chips/loihi.js";
import type { Report } from "../../diagnostics/index.js";
import type { Net } from "../../ir/index.js";
import type { LoihiProgram } from "../program/loihi/program.js";
import type { LegalNet } from "./legal-net.js";
import { legalize, type LegalizeOptions } from "./legalize.js";
import { compileLoihi, ESTIMATED, type Activity, type MapOptions } from "./map/index.js";
import { activityOf, type MeasuredRun } from "./measured-run.js";
import { runLegal } from "./run-legal.js";

export interface DeployOptions extends LegalizeOptions, Pick<MapOptions, "writeHost" | "seed" | "objective"> {
  /** Inputs of the network, or a run of it: the messages that they make decide places. Without them messages are estimated. */
  readonly profile?: readonly ReadonlyMap<string, ArrayLike<number>>[] | MeasuredRun;
}

export interface Deployed {
  readonly program: LoihiProgram;
  /** What the program computes, for the evaluator. */
  readonly legal: LegalNet;
}

/** A net in integers as a program for a step-by-step chip: legal, then mapped. Undefined with the reasons in `report`. */
export function deploy(net: Net, chip: LoihiChip, options: DeployOptions, report: Report): Deployed | undefined {
  const legal = legalize(net, chip, options, report);
  if (legal === undefined) return undefined;
  const { profile = [], ...rest } = options;
  const activity = "layers" in profile ? activityOf(legal, profile, report) : activityOn(legal, profile);
  if (activity === undefined) return undefined;
  const program = compileLoihi(legal, chip, { ...rest, activity }, report);
  return program && { program, legal };
}

/** How often each element of each population is sent, mean over samples. */
function activityOn(legal: LegalNet, samples: readonly ReadonlyMap<string, ArrayLike<number>>[]): Activity {
  if (samples.length === 0) return ESTIMATED;
  const each = 1 / (samples.length * legal.timesteps);
  const populations = new Set(legal.populations.map(({ value }) => value));
  const messages = new Map<string, Float64Array>();
  for (const sample of samples) {
    runLegal(legal, sample, (op, slot) => {
      if (!populations.has(op.result)) return slot;
      const sums = messages.get(op.result) ?? new Float64Array(slot.length);
      messages.set(op.result, sums);
      for (let i = 0; i < slot.length; i++) if (slot[i] !== 0) sums[i]! += each;
      return slot;
    });
  }
  return { source: `measured on ${samples.length} inputs`, rates: messages };
}
