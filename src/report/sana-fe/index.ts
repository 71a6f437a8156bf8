import type { LoihiInput, LoihiProgram } from "../../backends/program/loihi/program.js";
import { didYouMean, DiagnosticError, reporting, type Report } from "../../diagnostics/index.js";
import { architectureText } from "./architecture.js";
import { takeCensus, type Census } from "./census.js";
import { sanaFeDiagnostics } from "./diagnostics.js";
import { networkText, type InputSpikes } from "./network.js";
import { APPROXIMATIONS, EXPORTED_PROFILES, type Approximation } from "./neuron.js";
import { LEAD, makePlan, sizeOf, type Plan } from "./plan.js";

export { sanaFeDiagnostics } from "./diagnostics.js";
export type { InputSpikes } from "./network.js";
export { APPROXIMATIONS, type Approximation } from "./neuron.js";

/*
 * A mapped program as the two files that SANA-FE (SLAM-Lab, Python package `sanafe`; format as of 2.2.9) reads, so that a simulator
 * by others runs the same network on the same chip. docs/sana-fe.md says what is equal and what is not.
 */

export interface SanaFeOptions {
  /** What the host puts in, [timesteps, elements], 0 or 1; without it no input neuron fires. */
  readonly inputs?: InputSpikes | undefined;
  /** What may be followed nearly. */
  readonly allow?: ReadonlySet<Approximation>;
}

export interface SanaFeFiles {
  /** The files in pieces. */
  readonly architecture: Iterable<string>;
  readonly network: Iterable<string>;
  /** Timesteps to simulate; SANA-FE's timestep n, from 0, is chip step n - 1. */
  readonly timesteps: number;
  /** Group of each population, by its index. */
  readonly groups: readonly string[];
  /** Facts about this export for people. */
  readonly notes: readonly string[];
}

/** Names of approximations; throws `sana-fe/not-approximated` at one that is none. */
export function approximationsOf(names: readonly string[]): ReadonlySet<Approximation> {
  const known = Object.keys(APPROXIMATIONS);
  for (const name of names) {
    if (known.includes(name)) continue;
    const message = `\`${name}\` is no approximation of the export to SANA-FE`;
    throw new DiagnosticError(sanaFeDiagnostics.make("not-approximated", message, { hint: didYouMean(name, known) }));
  }
  return new Set(names as readonly Approximation[]);
}

/** The files, or diagnostics that say what SANA-FE cannot express. The files are made while they are read. */
export function exportSanaFe(
  program: LoihiProgram,
  { inputs, allow = new Set() }: SanaFeOptions,
  report: Report,
): SanaFeFiles | undefined {
  if (!expressible(program, report)) return undefined;
  if (inputs !== undefined)
    reporting(report, () => program.inputs.forEach((input) => checkSpikes(program, input, inputs)));
  const census = takeCensus(program);
  checkDelays(program, census, report);
  if (report.failed) return undefined;
  const plan = makePlan(program, census);
  if (!checkExactness(plan, allow, report)) return undefined;
  const timesteps = program.steps + LEAD;
  const notes = notesOf(program, plan, census);
  return {
    architecture: withHead(program, [], architectureText(program, plan)),
    network: withHead(program, [`simulate ${timesteps} timesteps`, ...notes], networkText(program, plan, inputs)),
    timesteps,
    groups: plan.names,
    notes,
  };
}

/** Errors about kinds of things that SANA-FE does not have. */
function expressible(program: LoihiProgram, report: Report): boolean {
  const { chip, cores, inputs } = program;
  const attention = cores.filter(({ kind }) => kind === "attention").length;
  if (attention > 0) {
    const message = `${attention} of ${cores.length} cores are attention cores, which SANA-FE does not have`;
    const hint = "compile a network without attention, or one whose attention the host computes";
    report.add(sanaFeDiagnostics.make("attention-core", message, { hint }));
  }
  const relays = cores
    .flatMap((core) => (core.kind === "neuro" ? core.groups : []))
    .filter(({ kind }) => kind === "relay");
  if (relays.length > 0) {
    const neurons = relays.reduce((sum, group) => sum + group.neurons.length, 0);
    const names = [...new Set(relays.map(({ population }) => `\`${program.populations[population]!.name}\``))];
    const message = `${neurons} relays send sums as payloads (${names.join(", ")}); messages of SANA-FE are spikes`;
    const hint = "compile for a chip with numerics.gradedBits = 0";
    report.add(sanaFeDiagnostics.make("relay", message, { hint }));
  }
  for (const { name } of inputs.filter(({ format }) => format === "graded")) {
    const message = `input \`${name}\` gives currents; input neurons of SANA-FE give spikes`;
    const hint = "compile for a chip with numerics.gradedBits = 0: the host then computes up to the first spikes";
    report.add(sanaFeDiagnostics.make("graded-input", message, { hint }));
  }
  const { profile } = chip.numerics;
  if (!EXPORTED_PROFILES.includes(profile)) {
    const message = `neurons of SANA-FE's \`leaky_integrate_fire\` cannot follow the arithmetic \`${profile}\``;
    const hint = `use a chip with numerics.profile = ${EXPORTED_PROFILES.join(", ")}`;
    report.add(sanaFeDiagnostics.make("profile", message, { hint }));
  }
  return !report.failed;
}

function checkSpikes({ timesteps }: LoihiProgram, { name, routes }: LoihiInput, inputs: InputSpikes): void {
  const elements = routes.start.length - 1;
  const values = inputs.get(name);
  const fail = (problem: string): DiagnosticError =>
    new DiagnosticError(sanaFeDiagnostics.make("input", `input \`${name}\` ${problem}`));
  if (values?.length !== timesteps * elements) {
    const got = values === undefined ? "nothing" : `${values.length}`;
    throw fail(`needs ${timesteps} timesteps of ${elements} spikes, got ${got}`);
  }
  for (let i = 0; i < values.length; i++) {
    if (values[i] === 0 || values[i] === 1) continue;
    throw fail(`has ${values[i]} at element ${i % elements}, timestep ${Math.floor(i / elements)}; spikes are 0 or 1`);
  }
}

/** Synaptic delays, in our count, that SANA-FE's `accumulator_with_delay` takes: its own counts from 0 to 5. */
const MAX_DELAY = 6;

function checkDelays({ cores }: LoihiProgram, census: Census, report: Report): void {
  const longest = census.cores.map(({ longestDelay }) => longestDelay);
  const core = longest.findIndex((delay) => delay > MAX_DELAY);
  if (core < 0) return;
  const { tile, slot } = cores[core]!;
  const count = longest.filter((delay) => delay > MAX_DELAY).length;
  const message = `${count} cores have synapses delayed by more than ${MAX_DELAY} steps, such as ${longest[core]} in core ${slot} of tile ${tile}`;
  const hint = `compile for a chip with numerics.maxDelay = ${MAX_DELAY}`;
  report.add(sanaFeDiagnostics.make("delay", message, { hint }));
}

/** One error about all that is not exact and was not allowed, or a warning about what was. */
function checkExactness({ inexact }: Plan, allow: ReadonlySet<Approximation>, report: Report): boolean {
  if (inexact.size === 0) return true;
  const refused = [...inexact.keys()].filter((name) => !allow.has(name));
  const notes = [...inexact].map(([name, count]) => ({ message: `${name}: ${count} ${APPROXIMATIONS[name]}` }));
  if (refused.length > 0) {
    const message = "SANA-FE cannot follow this program exactly";
    const hint = `allow it: --allow approximate:${[...inexact.keys()].join(",")}`;
    report.add(sanaFeDiagnostics.make("inexact", message, { notes, hint }));
    return false;
  }
  report.add(sanaFeDiagnostics.make("approximated", "SANA-FE will follow this program only nearly", { notes }));
  return true;
}

function notesOf({ chip, inputs }: LoihiProgram, plan: Plan, census: Census): readonly string[] {
  const { mesh, energy } = chip;
  const inputNeurons = plan.hosts.reduce((sum, host) => sum + (host.kind === "input" ? sizeOf(host) : 0), 0);
  const biased = plan.neurons.flat().filter(({ source }) => source !== undefined).length;
  const notes = [
    plan.inexact.size === 0
      ? "spikes are those of the chip, neuron by neuron, in each timestep of each population's local time"
      : `spikes may differ: ${[...plan.inexact].map(([name, count]) => `${name} ${count}`).join(", ")}`,
  ];
  if (inputs.length > 0) {
    notes.push(
      `${inputNeurons} input neurons, in a core of its own on each tile that they reach; each costs messageIn in place of hostInput`,
    );
  }
  if (biased > 0)
    notes.push(
      `${biased} neurons get their bias from ${plan.hosts.filter(({ kind }) => kind === "bias").length} input neurons: a message and a synaptic event per timestep that the chip does not have`,
    );
  if (plan.mispriced > 0)
    notes.push(
      `${plan.mispriced} of ${census.synapses} synapses cost what the most frequent format of their target costs`,
    );
  if (mesh.chipsX * mesh.chipsY > 1) notes.push("hops between chips cost what hops within a chip cost");
  if (energy.withinTile > 0) notes.push("messages within a tile cost no energy of their own");
  if (energy.staticPerChip > 0) notes.push(`static power is not counted: ${energy.staticPerChip} mW per chip`);
  if (energy.barrier > 0) notes.push("barriers cost time, no energy");
  return notes;
}

/** A comment in front of a file. */
function* withHead({ name, chip }: LoihiProgram, notes: readonly string[], text: Iterable<string>): Generator<string> {
  const lines = [`${name} on ${chip.name}, for SANA-FE; written by spikec`, ...notes];
  // Whatever the names hold, a comment ends with its line.
  for (const line of lines) yield `# ${line.replace(/\s+/g, " ")}\n`;
  yield* text;
}
