import type { Core, LoihiProgram } from "../backends/program/loihi/program.js";
import type { LoihiStepTimes } from "../sim/loihi/result.js";
import { tracePieces, trackEvents } from "./perfetto.js";

/**
 * One sample on a step-by-step chip as a trace for Perfetto (see `perfetto.ts`): a track with the steps and what the chip waits for in
 * them, and two per core, its neuron phases and its ingress.
 */

/** Slices of a trace that viewers still open without trouble: some 100 MB of text. */
const MOST_SLICES = 500_000;

/** Collects the times of steps, as many as a trace of `most` slices can show. {@link StepTimeline.note} goes into the options of `run`. */
export class StepTimeline {
  /** The first steps, at least one. */
  readonly steps: LoihiStepTimes[] = [];
  private slices = 0;

  constructor(private readonly most = MOST_SLICES) {}

  readonly note = (times: LoihiStepTimes): void => {
    this.slices += slicesOf(times);
    // What does not fit is followed by nothing: a trace without gaps.
    if (this.steps.length === 0 || this.slices <= this.most) this.steps.push(times);
  };
}

/** Slices that a step becomes: at most two per core, one per core and round, and those of the chip. */
function slicesOf({ neurons, ingress, rounds }: LoihiStepTimes): number {
  const working = (times: Float64Array): number => times.reduce((sum, time) => sum + Number(time > 0), 0);
  const perRound = rounds.reduce((sum, { work }) => sum + working(work) + 2, 0);
  return 4 + working(neurons) + working(ingress.messages) + perRound;
}

/** Populations that a name shows. */
const NAMED = 3;

/** The layers that a core works on in a step, each with its timestep. */
function workOf(core: Core, step: number, { populations, layers, timesteps }: LoihiProgram): string {
  const own = core.kind === "neuro" ? core.groups.map(({ population }) => population) : [core.population];
  const active = [...new Set(own)].flatMap((p) => {
    const { layer, start } = populations[p]!;
    // Values leave an attention core a chunk after they came.
    const open = step >= start && step < start + timesteps + (core.kind === "attention" ? core.chunk : 0);
    return open ? [`${layers[layer]!.name} t${step - start}`] : [];
  });
  if (active.length === 0) return "outside all windows";
  return active.length <= NAMED
    ? active.join(", ")
    : `${active.slice(0, NAMED).join(", ")} and ${active.length - NAMED} more`;
}

const STEPS = 1;
const neuronTrack = (core: number): number => 2 + 2 * core;
const ingressTrack = (core: number): number => 3 + 2 * core;

function tracks({ cores }: LoihiProgram): readonly string[] {
  return [
    "steps",
    ...cores.flatMap(({ kind, tile, slot }, i) => {
      const name = `core ${i} at ${tile}.${slot}`;
      return [`${name} ${kind === "neuro" ? "neurons" : "attention"}`, `${name} ingress`];
    }),
  ];
}

/** ps as microseconds, the unit of the format; rounded, so that no digits of binary fractions are printed. */
const microseconds = (ps: number): number => Math.round(ps) / 1e6;

function* events(program: LoihiProgram, steps: readonly LoihiStepTimes[], sample: string): Generator<object> {
  const { chip, cores } = program;
  yield* trackEvents(`${chip.name}: ${program.name}, sample ${sample}`, tracks(program));
  let now = 0;
  const slice = (tid: number, cat: string, name: string, from: number, to: number, args: object): object => {
    const ts = microseconds(now + from);
    return { ph: "X", pid: 1, tid, cat, name, ts, dur: microseconds(to - from), args };
  };
  for (const { step, neurons, ingress, delivered, rounds, end } of steps) {
    yield slice(STEPS, "step", `step ${step}`, 0, end, { step });
    const computed = neurons.reduce((last, time) => Math.max(last, time), 0);
    yield slice(STEPS, "phase", "neuron phases", 0, computed, { step });
    if (delivered > computed) yield slice(STEPS, "phase", "messages under way", computed, delivered, { step });
    yield slice(STEPS, "barrier", "barrier", delivered, rounds[0]?.begin ?? end, { step });
    for (const [core, time] of neurons.entries()) {
      if (time > 0) yield slice(neuronTrack(core), "neurons", workOf(cores[core]!, step, program), 0, time, { step });
      const messages = ingress.messages[core]!;
      if (messages === 0) continue;
      const [from, to, busy] = [ingress.begin[core]!, ingress.end[core]!, microseconds(ingress.busy[core]!)];
      yield slice(ingressTrack(core), "ingress", `${messages} messages`, from, to, { step, messages, busy_us: busy });
    }
    for (const [round, { begin, work }] of rounds.entries()) {
      const name = `queries of timestep ${round} of the chunk`;
      const worked = begin + work.reduce((most, time) => Math.max(most, time), 0);
      yield slice(STEPS, "stop", name, begin, worked, { step });
      yield slice(STEPS, "barrier", "barrier", worked, rounds[round + 1]?.begin ?? end, { step });
      for (const [core, time] of work.entries()) {
        if (time > 0) yield slice(neuronTrack(core), "stop", name, begin, begin + time, { step });
      }
    }
    now += end;
  }
  if (steps.length < program.steps) {
    const name = `cut: steps 0..${steps.length - 1} of ${program.steps}`;
    yield { ph: "i", s: "g", pid: 1, tid: STEPS, name, ts: microseconds(now), args: {} };
  }
}

/** The trace as pieces of text. `steps` are the first steps of the sample, perhaps not all. */
export function perfettoLoihiTrace(
  program: LoihiProgram,
  steps: readonly LoihiStepTimes[],
  sample: string,
): Generator<string> {
  const about = { program: program.name, chip: program.chip.name, sample, steps: steps.length, of: program.steps };
  return tracePieces(about, events(program, steps, sample));
}
