import type { LoihiProgram } from "../../../backends/program/loihi/program.js";
import type { LoihiChip } from "../../../chips/loihi.js";
import { internalError } from "../../../diagnostics/index.js";
import type { LoihiMachine, LoihiRunOptions, LoihiRunResult, LoihiStepTimes } from "../result.js";
import { RunningAttentionCore } from "./attention-core.js";
import { AxonKinds } from "./axon-kinds.js";
import type { RunningCore } from "./core.js";
import { Counts } from "./counts.js";
import { Deliveries } from "./deliveries.js";
import { Host } from "./host.js";
import { Mesh } from "./mesh.js";
import { Messages } from "./messages.js";
import { RunningNeuroCore } from "./neuro-core.js";
import { Recorder } from "./recorder.js";
import { Sender } from "./sender.js";
import { Traffic } from "./traffic.js";

/**
 * The fast simulator: its results are those of `stepped`. What a core does in a step, it does at once, one core after the other,
 * because nothing that is sent acts in the same step; when it happens is arithmetic on the messages that were sent. Allocates the
 * state of the chip once.
 */
export function createEvent(program: LoihiProgram): LoihiMachine {
  return new EventMachine(program);
}

class EventMachine implements LoihiMachine {
  private readonly counts: Counts;
  private readonly recorder: Recorder;
  private readonly messages: Messages;
  private readonly senders: readonly Sender[];
  private readonly cores: RunningCore[] = [];
  private readonly host: Host;
  private readonly traffic: Traffic;
  /** ps. */
  private readonly barrier: number;
  /** By core: ps in its neuron phases. */
  private readonly neuronTime: Float64Array;
  /** By core: end of its neuron phase of the present step. */
  private readonly phaseEnds: Float64Array;
  /** By core: its first message of the present step. */
  private readonly firstMessage: Int32Array;
  /** By core: ps that the host's values of the present step take. */
  private readonly hostTime: Float64Array;

  constructor(private readonly program: LoihiProgram) {
    const { cores, chip } = program;
    const mesh = new Mesh(program);
    this.messages = new Messages(cores.length);
    const counts = (this.counts = new Counts(program));
    const recorder = (this.recorder = new Recorder(program));
    const kinds = cores.map((core) => (core.kind === "neuro" ? new AxonKinds(core, program) : undefined));
    const deliveries = new Deliveries(program, kinds);
    this.senders = cores.map((_, i) => new Sender(program, i, mesh, deliveries, this.messages, counts));
    for (const [i, core] of cores.entries()) {
      const sender = this.senders[i]!;
      this.cores.push(
        core.kind === "neuro"
          ? new RunningNeuroCore(core, i, program, kinds[i]!, deliveries, sender, recorder, counts)
          : new RunningAttentionCore(core, i, program, deliveries, sender, counts),
      );
    }
    this.host = new Host(program, this.cores, deliveries);
    this.traffic = new Traffic(program, mesh);
    this.barrier = barrierOf(chip, new Set(cores.map(({ tile }) => tile)).size);
    this.neuronTime = new Float64Array(cores.length);
    this.phaseEnds = new Float64Array(cores.length);
    this.hostTime = new Float64Array(cores.length);
    this.firstMessage = new Int32Array(cores.length + 1);
  }

  run(inputs: ReadonlyMap<string, ArrayLike<number>>, options: LoihiRunOptions = {}): LoihiRunResult {
    const { program, counts, recorder, traffic } = this;
    const { steps } = program;
    this.host.begin(inputs);
    recorder.begin(options);
    counts.begin();
    traffic.begin();
    this.neuronTime.fill(0);
    for (const core of this.cores) core.begin();
    const stepTimes = new Float64Array(steps);
    const neuronTimes = new Float64Array(steps);
    for (let step = 0; step < steps; step++) {
      const computed = (neuronTimes[step] = this.compute(step));
      this.receive(step);
      const arrived = traffic.deliver(this.messages, this.firstMessage);
      const delivered = Math.max(computed, arrived);
      const { rounds, end } = this.stop(step, delivered + this.barrier);
      stepTimes[step] = end;
      options.onStep?.({
        step,
        neurons: this.phaseEnds.slice(),
        ingress: structuredClone(traffic.ingressStep),
        delivered,
        rounds,
        end,
      });
    }
    return {
      steps,
      time: stepTimes.reduce((sum, time) => sum + time, 0),
      stepTimes,
      neuronTimes,
      layers: counts.layers,
      cores: program.cores.map((_, core) => ({
        neuronTime: this.neuronTime[core]!,
        ingressTime: traffic.ingressTimes[core]!,
        sent: this.senders[core]!.sent,
        received: traffic.received[core]!,
        injectionPeak: traffic.injectionPeaks[core]!,
        ingressPeak: traffic.ingressPeaks[core]!,
      })),
      links: traffic.linkCounts(),
      ...recorder.result(),
    };
  }

  /** The neuron phases of a step; returns when the last one ends. */
  private compute(step: number): number {
    const { cores, hostTime, messages } = this;
    this.host.put(step, hostTime);
    messages.count = 0;
    let last = 0;
    for (const [i, core] of cores.entries()) {
      this.firstMessage[i] = messages.count;
      const end = core.phase(step, hostTime[i]!);
      this.phaseEnds[i] = end;
      this.neuronTime[i]! += end;
      last = Math.max(last, end);
    }
    this.firstMessage[cores.length] = messages.count;
    return last;
  }

  /** What the messages of a step bring. */
  private receive(step: number): void {
    const { messages } = this;
    if (messages.count === 0) return;
    messages.sortByCore();
    for (const [i, core] of this.cores.entries()) {
      const [from, to] = [messages.first[i]!, messages.first[i + 1]!];
      if (from < to) core.receive(messages, from, to, step, "message");
    }
  }

  /** Lockstep chips work off the queries of a chunk behind the step that ends it, from `begin` on, with a barrier behind each round. */
  private stop(step: number, begin: number): Pick<LoihiStepTimes, "rounds" | "end"> {
    const chunks = this.cores.map((core) => (core instanceof RunningAttentionCore ? core.stopsFor(step) : 0));
    const rounds: { begin: number; work: Float64Array }[] = [];
    let end = begin;
    for (let round = 0; round < largest(chunks); round++) {
      const work = Float64Array.from(this.cores, (core, i) =>
        core instanceof RunningAttentionCore && round < chunks[i]! ? core.workOff(step, round) : 0,
      );
      work.forEach((ps, i) => (this.neuronTime[i]! += ps));
      rounds.push({ begin: end, work });
      end += largest(work) + this.barrier;
    }
    return { rounds, end };
  }
}

/** 0 of none. */
function largest(numbers: Iterable<number>): number {
  let most = 0;
  for (const n of numbers) most = Math.max(most, n);
  return most;
}

/** ps of the barrier among so many tiles. */
function barrierOf(chip: LoihiChip, tiles: number): number {
  const keys = Object.keys(chip.time.barrier).map(Number);
  const key = keys.reduce((best, least) => (least <= tiles ? Math.max(best, least) : best), 0);
  const barrier = chip.time.barrier[key];
  if (barrier === undefined) throw internalError(`no barrier for ${tiles} tiles`);
  return barrier;
}
