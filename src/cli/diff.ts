import { existsSync, statSync } from "node:fs";
import type { Command } from "commander";
import type { Report } from "../diagnostics/index.js";
import type { LoihiRunFile } from "../sim/loihi/run-file.js";
import type { RunFile } from "../sim/run-file.js";
import { readRecordedCase } from "../validate/recorded-case.js";
import {
  diffSpikes,
  recordingOfCase,
  recordingOfRun,
  type FirstDifference,
  type KnownState,
  type SpikeDifference,
  type SpikeRecording,
} from "../validate/spike-diff.js";
import { runCommand, type Io } from "./command.js";
import { cliDiagnostics } from "./diagnostics.js";
import { valueText } from "./probe-text.js";
import { readRun } from "./run-input.js";
import { count, percent, table } from "./text.js";

/** One side of a comparison. */
interface Side {
  readonly path: string;
  readonly recording: SpikeRecording;
  /** Undefined for a recorded case. */
  readonly run: RunFile | LoihiRunFile | undefined;
}

/** A run file with recorded spikes, or the folder of a recorded case. */
function readSide(path: string, report: Report): Side | undefined {
  if (existsSync(path) && statSync(path).isDirectory()) {
    const recorded = readRecordedCase(path, report);
    return recorded === undefined ? undefined : { path, recording: recordingOfCase(recorded), run: undefined };
  }
  const run = readRun(path, report);
  if (run === undefined) return undefined;
  const recording = recordingOfRun(run);
  if (recording !== undefined) return { path, recording, run };
  const hint = `simulate again with --record: spikec simulate PROGRAM --input … --record -o ${path}`;
  return report.add(cliDiagnostics.make("not-recorded", `\`${path}\` holds no spikes of every sample`, { hint }));
}

/** The first output that differs, where two runs have the same spikes; a recorded case has no outputs to compare. */
function firstOutput(a: Side, b: Side): string | undefined {
  if (a.run === undefined || b.run === undefined) return undefined;
  for (const [sample, left] of a.run.samples.entries()) {
    const right = b.run.samples[sample];
    if (right === undefined) break;
    for (const name of new Set([...Object.keys(left.outputs), ...Object.keys(right.outputs)])) {
      const [values, others] = [left.outputs[name], right.outputs[name]];
      if (values === undefined || others === undefined)
        return `sample ${sample}, output ${name}: only in ${values === undefined ? b.path : a.path}`;
      const length = Math.max(values.length, others.length);
      for (let at = 0; at < length; at++) {
        if (values[at] === others[at]) continue;
        return `sample ${sample}, output ${name}[${at}]: ${values[at] ?? "nothing"} and ${others[at] ?? "nothing"}`;
      }
    }
  }
  return undefined;
}

/** Columns of what is known of a neuron, of chips of both kinds; v is compared with v_th, v after has been reset. */
const COLUMNS: readonly { readonly name: string; readonly of: (state: KnownState) => number | string | undefined }[] = [
  { name: "spike", of: ({ spike }) => spike },
  { name: "core", of: ({ place }) => place?.core },
  { name: "tile.slot", of: ({ place }) => place && `${place.tile}.${place.slot}` },
  { name: "compartment", of: ({ place }) => place?.compartment },
  { name: "v before", of: ({ u, before }) => (u === undefined ? undefined : before) },
  { name: "u", of: ({ u }) => u },
  { name: "v after", of: ({ u, after }) => (u === undefined ? undefined : after) },
  { name: "v", of: ({ charged }) => charged },
  { name: "input", of: ({ input }) => input },
  { name: "v_th", of: ({ threshold }) => threshold },
];

function cellText(value: number | string | undefined): string {
  if (value === undefined) return "-";
  return typeof value === "number" ? valueText(value) : value;
}

/** What a run could say of its potentials and does not; undefined for a recorded case, and where it does. */
function unseen({ run }: Side, { u, charged }: KnownState): string | undefined {
  if (run === undefined) return undefined;
  if ("target" in run) return u === undefined ? "u and v" : undefined;
  return charged === undefined ? "v and input" : undefined;
}

function firstText(first: FirstDifference, a: Side, b: Side): readonly string[] {
  const { layer, sample, timestep, position, channel, sides } = first;
  const columns = COLUMNS.filter(({ of }) => sides.some((state) => of(state) !== undefined));
  const rows = [a, b].map(({ path }, i) => [path, ...columns.map(({ of }) => cellText(of(sides[i]!)))]);
  const probe = `--probe ${layer}:${position},${channel}`;
  return [
    `first difference: layer ${layer}, timestep ${timestep}, position ${position}, channel ${channel}, sample ${sample}`,
    table([["", ...columns.map(({ name }) => name)], ...rows]),
    ...[a, b].flatMap((side, i) => {
      const what = unseen(side, sides[i]!);
      return what === undefined
        ? []
        : [`for ${what} of ${side.path}: spikec simulate PROGRAM … --record ${probe} -o ${side.path}`];
    }),
  ];
}

/** Why a layer is not compared, with both sizes and the likely cause where sizes differ. */
function apartText({ name, why }: SpikeDifference["apart"][number], a: Side, b: Side): string {
  if (why !== "other size") return `not compared: ${name}, only in ${why === "first only" ? a.path : b.path}`;
  const layers = [a, b].map(({ recording }) => recording.layers.find((layer) => layer.name === name));
  const sizes = layers.map((layer) => `${layer?.positions} x ${layer?.channels}`).join(" and ");
  const pruned = layers[0]?.positions === layers[1]?.positions;
  const cause = pruned ? "; a pass such as drop-dead has probably removed channels of one side" : "";
  return `not compared: ${name}, positions x channels are ${sizes}${cause}`;
}

function differenceText(difference: SpikeDifference, output: string | undefined, a: Side, b: Side): string {
  const { layers, apart, first, samples } = difference;
  const differing = layers.filter(({ differ }) => differ > 0);
  const total = (key: "compared" | "differ"): number => layers.reduce((sum, layer) => sum + layer[key], 0);
  const rows = differing.map(({ name, differ, compared }) => [name, count(differ), percent(differ / compared, 3)]);
  const lines = [
    layers.length === 0
      ? "no spike was compared: no layer has the same size on both sides"
      : `${samples} samples, ${layers.length} layers, ${count(total("compared"))} neurons x timesteps: ${count(total("differ"))} differ`,
    ...apart.map((layer) => apartText(layer, a, b)),
    ...(sameCount(a, b)
      ? []
      : [
          `not compared: samples from ${samples} on; ${a.path} has ${a.recording.samples}, ${b.path} has ${b.recording.samples}`,
        ]),
  ];
  if (first !== undefined)
    lines.push("", ...firstText(first, a, b), "", table([["layer", "differ", "of all"], ...rows]));
  if (output !== undefined) lines.push(`the outputs differ first in ${output}`);
  return lines.join("\n");
}

function sameCount(a: Side, b: Side): boolean {
  return a.recording.samples === b.recording.samples;
}

/** Whether the sides can be compared at all. */
function comparable(a: Side, b: Side, report: Report): boolean {
  const { timesteps } = a.recording;
  const names = new Set(b.recording.layers.map(({ name }) => name));
  const add = (message: string): undefined => report.add(cliDiagnostics.make("not-comparable", message));
  if (timesteps !== b.recording.timesteps)
    add(`${a.path} has ${timesteps} timesteps, ${b.path} has ${b.recording.timesteps}`);
  else if (!a.recording.layers.some(({ name }) => names.has(name)))
    add(`${a.path} and ${b.path} have no layer in common: they record other networks`);
  return !report.failed;
}

export function registerDiff(program: Command, io: Io): void {
  program
    .command("diff")
    .description(
      "where two runs part: the first layer, timestep and neuron with another spike; exit code 0 where all are equal, else 1",
    )
    .argument("<a>", "run written by `spikec simulate --record -o`, or the folder of a recorded case")
    .argument("<b>", "the other one")
    .option("--json", "print JSON")
    .action((pathA: string, pathB: string, options: { json?: boolean }) =>
      runCommand(io, (report) => {
        const [a, b] = [readSide(pathA, report), readSide(pathB, report)];
        if (a === undefined || b === undefined || !comparable(a, b, report)) return;
        const difference = diffSpikes(a.recording, b.recording);
        const output = difference.first === undefined ? firstOutput(a, b) : undefined;
        const sameSpikes = difference.first === undefined && difference.apart.length === 0;
        const equal = sameSpikes && output === undefined && sameCount(a, b);
        const sides = [a, b].map(({ path, recording }) => ({ path, samples: recording.samples }));
        if (options.json === true)
          io.out(JSON.stringify({ equal, sides, ...difference, output: output ?? null }, null, 2));
        else io.out(differenceText(difference, output, a, b));
        return equal;
      }),
    );
}
