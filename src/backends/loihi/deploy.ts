import type { LoihiChip } from "../../chips/loihi.js";
import type { Report } from "../../diagnostics/index.js";
import type { Net } from "../../ir/index.js";
import type { LoihiProgram } from "../program/loihi/program.js";
import type { LegalNet } from "./legal-net.js";
import { legalize, type LegalizeOptions } from "./legalize.js";
import { compileLoihi, type MapOptions } from "./map/index.js";
import { runLegal } from "./run-legal.js";

export interface DeployOptions extends LegalizeOptions, Pick<MapOptions, "writeHost" | "seed"> {
  /** Inputs of the network: the messages that they make decide places. Without them every spike counts as one. */
  readonly profile?: readonly ReadonlyMap<string, ArrayLike<number>>[];
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
  const { profile = [], writeHost, seed } = options;
  const traffic = profile.length === 0 ? {} : { traffic: messagesOf(legal, profile) };
  const program = compileLoihi(legal, chip, { writeHost, ...(seed === undefined ? {} : { seed }), ...traffic }, report);
  return program && { program, legal };
}

/** How often each element of each population is sent, over all samples. */
function messagesOf(
  legal: LegalNet,
  samples: readonly ReadonlyMap<string, ArrayLike<number>>[],
): ReadonlyMap<string, Float64Array> {
  const populations = new Set(legal.populations.map(({ value }) => value));
  const messages = new Map<string, Float64Array>();
  for (const sample of samples) {
    runLegal(legal, sample, (op, slot) => {
      if (!populations.has(op.result)) return slot;
      const sums = messages.get(op.result) ?? new Float64Array(slot.length);
      messages.set(op.result, sums);
      for (let i = 0; i < slot.length; i++) if (slot[i] !== 0) sums[i]!++;
      return slot;
    });
  }
  return messages;
}
