import { workerData } from "node:worker_threads";
import { StepTimeline } from "../report/perfetto-loihi.js";
import { LOIHI_SIMULATORS, type LoihiMachine } from "../sim/loihi/index.js";
import { loihiProbes } from "../sim/loihi/probes.js";
import { answerRequests } from "./answer-requests.js";
import type { LoihiThreadRequest, LoihiThreadResult, LoihiThreadStart } from "./chip-thread-loihi.js";

/** The other side of `chip-thread-loihi.ts`: runs the samples that are sent. */

const { program, simulator } = workerData as LoihiThreadStart;
let machine: LoihiMachine | undefined;

answerRequests(({ inputs, record, probes, timeline: timed }: LoihiThreadRequest): LoihiThreadResult => {
  const timeline = timed ? new StepTimeline() : undefined;
  machine ??= LOIHI_SIMULATORS[simulator](program);
  const { states, ...result } = machine.run(inputs, {
    record,
    states: probes.length > 0,
    ...(timeline === undefined ? {} : { onStep: timeline.note }),
  });
  return { result, probes: loihiProbes(program, states, probes), timeline: timeline?.steps };
});
