import { workerData } from "node:worker_threads";
import { Timeline } from "../report/perfetto.js";
import { createEvent, createStepped, type Machine, type SteppedOptions } from "../sim/layerwise/index.js";
import { Probes } from "../sim/probes.js";
import { answerRequests } from "./answer-requests.js";
import type { ThreadRequest, ThreadResult, ThreadStart } from "./chip-thread.js";

/** The other side of `chip-thread.ts`: runs the samples that are sent. */

const { program, simulator, kernels, workers } = workerData as ThreadStart;
let machine: Machine<SteppedOptions> | undefined;

function run({ inputs, record, probes: targets, timeline: timed }: ThreadRequest): ThreadResult {
  const probes = new Probes(program, targets);
  const timeline = timed ? new Timeline(program.instructions.length) : undefined;
  machine ??= simulator === "stepped" ? createStepped(program) : createEvent(program, { kernels, workers });
  const result = machine.run(inputs, {
    record,
    ...(targets.length === 0 ? {} : { probe: probes.probe }),
    ...(timeline === undefined ? {} : { onInstruction: timeline.note }),
  });
  const times = timeline === undefined ? undefined : { issued: timeline.issued, ended: timeline.ended };
  return { result, probes: probes.records, timeline: times };
}

answerRequests(run);
