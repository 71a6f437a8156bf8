import type { Core, LoihiProgram } from "../../../backends/program/loihi/program.js";
import type { LoihiCoreCounts, LoihiMachine, LoihiRunOptions, LoihiRunResult } from "../result.js";
import { RunningAttentionCore } from "./attention-core.js";
import { inTicks, tickOf, Worker, type Ticks, type Work } from "./clock.js";
import type { RunningCore, Surroundings } from "./core.js";
import { Counts } from "./counts.js";
import { Host } from "./host.js";
import { Mesh } from "./mesh.js";
import { RunningNeuroCore } from "./neuro-core.js";
import { Recorder } from "./recorder.js";
import type { Message } from "./server.js";
import { Watch } from "./watch.js";

/**
 * The plain simulator: docs/loihi-chip.md, tick by tick. A tick is the greatest common divisor of the description's times; nothing
 * is computed ahead of the clock.
 */
export function createStepped(program: LoihiProgram): LoihiMachine {
  return { run: (inputs, options = {}) => new Run(program, inputs, options).result() };
}

/** One sample. */
class Run {
  /** ps. */
  private readonly tick: number;
  private readonly ticks: Ticks;
  private readonly counts: Counts;
  private readonly recorder: Recorder;
  private readonly host: Host;
  private readonly mesh: Mesh;
  private readonly cores: readonly RunningCore[];
  /** What each core does in its neuron phase. */
  private readonly workers: readonly Worker[];
  private readonly stepTimes: Float64Array;
  private readonly neuronTimes: Float64Array;

  constructor(
    private readonly program: LoihiProgram,
    inputs: ReadonlyMap<string, ArrayLike<number>>,
    private readonly options: LoihiRunOptions,
  ) {
    const { chip, cores, steps } = program;
    this.tick = tickOf(chip.time);
    this.ticks = inTicks(chip, this.tick, new Set(cores.map(({ tile }) => tile)).size);
    this.counts = new Counts(program);
    this.recorder = new Recorder(program, options);
    this.host = new Host(program, inputs);
    this.mesh = new Mesh(program, this.ticks, this.counts, (message) => this.deliver(message));
    this.cores = cores.map((core, i) => this.createCore(core, i));
    this.workers = cores.map(() => new Worker());
    this.stepTimes = new Float64Array(steps);
    this.neuronTimes = new Float64Array(steps);
  }

  private createCore(core: Core, index: number): RunningCore {
    const { program, ticks, counts, recorder, mesh } = this;
    const send: Surroundings["send"] = (target, axon, payload, layer) => mesh.send(index, target, axon, payload, layer);
    const at = { index, program, ticks, counts, recorder, send };
    return core.kind === "neuro" ? new RunningNeuroCore(core, at) : new RunningAttentionCore(core, at);
  }

  /** What an ingress does with a message. */
  private *deliver({ target, axon, payload }: Message): Work {
    yield this.ticks.messageIn;
    yield* this.cores[target]!.receive(axon, payload, this.counts.step);
  }

  result(): LoihiRunResult {
    for (let step = 0; step < this.program.steps; step++) {
      this.counts.step = step;
      const watch = this.options.onStep && new Watch(this.workers, this.mesh.ingresses);
      const delivered = this.runStep(step, watch);
      const end = this.stop(step, delivered + this.ticks.barrier, watch);
      this.stepTimes[step] = end * this.tick;
      if (watch !== undefined) this.options.onStep?.(watch.times(step, delivered, end, this.tick));
    }
    return {
      steps: this.program.steps,
      time: this.stepTimes.reduce((sum, time) => sum + time, 0),
      stepTimes: this.stepTimes,
      neuronTimes: this.neuronTimes,
      layers: this.counts.layers,
      cores: this.coreCounts(),
      links: this.mesh.linkCounts(),
      ...this.recorder.result(),
    };
  }

  /** Everything in front of the barrier; its ticks. */
  private runStep(step: number, watch: Watch | undefined): number {
    const { workers, mesh } = this;
    const values = this.host.valuesOf(step);
    mesh.beginStep();
    workers.forEach((worker, i) => worker.start(this.cores[i]!.phase(step, values[i]!)));
    for (let now = 0, computing = true; ; now++) {
      for (const worker of workers) worker.goOn();
      if (computing && !workers.some(({ busy }) => busy)) {
        computing = false;
        this.neuronTimes[step] = now * this.tick;
      }
      mesh.goOn();
      watch?.look(now);
      if (!computing && mesh.idle) return now;
      for (const worker of workers) worker.tick();
      mesh.tick();
    }
  }

  /** Lockstep chips work off the queries of a chunk behind the step that ends it, from instant `now` on; returns when they have. */
  private stop(step: number, now: number, watch: Watch | undefined): number {
    const stopping = this.cores.flatMap((core, i) =>
      core instanceof RunningAttentionCore ? [{ core, timesteps: core.stopsFor(step), worker: this.workers[i]! }] : [],
    );
    const rounds = Math.max(0, ...stopping.map(({ timesteps }) => timesteps));
    for (let i = 0; i < rounds; i++) {
      const begin = now;
      const before = this.workers.map(({ busyTicks }) => busyTicks);
      const round = stopping.filter(({ timesteps }) => i < timesteps);
      for (const { core, worker } of round) worker.start(core.workOff(step, i));
      for (; round.some(({ worker }) => worker.busy); now++) {
        for (const { worker } of round) worker.tick();
        for (const { worker } of round) worker.goOn();
      }
      const work = this.workers.map(({ busyTicks }, core) => busyTicks - before[core]!);
      watch?.round(begin, work);
      now += this.ticks.barrier;
    }
    return now;
  }

  private coreCounts(): LoihiCoreCounts[] {
    return this.program.cores.map((_, i) => {
      const [injection, ingress] = [this.mesh.injections[i]!, this.mesh.ingresses[i]!];
      return {
        neuronTime: this.workers[i]!.busyTicks * this.tick,
        ingressTime: ingress.worker.busyTicks * this.tick,
        sent: injection.served,
        received: ingress.served,
        injectionPeak: injection.peak,
        ingressPeak: ingress.peak,
      };
    });
  }
}
