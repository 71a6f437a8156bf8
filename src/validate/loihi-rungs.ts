import { LOIHI } from "../backends/index.js";
import { runLegal, type Deployed, type LegalNet } from "../backends/loihi/index.js";
import type { LoihiProgram } from "../backends/program/loihi/program.js";
import type { LoihiChip } from "../chips/index.js";
import type { Report } from "../diagnostics/index.js";
import { Host, writeHostNet } from "../host/index.js";
import { evaluate, flatten, netTimesteps, type Net, type Slot, type Value } from "../ir/index.js";
import { sum } from "../math/numbers.js";
import { LOIHI_SIMULATORS, type LoihiRunResult } from "../sim/loihi/index.js";
import type { LayerAgreement } from "./agreement.js";
import { ChipTallies, reload, sameValues } from "./on-chip.js";
import type { RecordedCase } from "./recorded-case.js";
import { netInputs } from "./replay.js";
import { firstMismatch, runNamed, totals, type Rung } from "./rung.js";
import { firstDifference } from "./simulators.js";
import { runStepped } from "./stepped-run.js";

/**
 * The rungs of the ladder that stand on a step-by-step chip: the legal net against the integer net, the chip against the legal net,
 * the plain simulator against the fast one.
 */

type Recording = Pick<RecordedCase, "input" | "samples">;

interface Agreement {
  readonly layers: readonly LayerAgreement[];
  readonly outputsEqual: boolean;
  /** Layers that one side has and the other has not. */
  readonly missing: readonly string[];
}

/** Every spike of the integer net's layers, at every timestep, is that of its legal form, on the host and on the chip. */
export function legalAgainstIntegers(net: Net, legal: LegalNet, recorded: Recording): Agreement {
  const tallies = new ChipTallies();
  const producers = new Map(net.ops.flatMap((op) => (op.layer === undefined ? [] : [[op.layer.name, op] as const])));
  const seen = new Set<string>();
  let outputsEqual = true;
  for (let sample = 0; sample < recorded.samples; sample++) {
    const inputs = netInputs(net, recorded.input, sample);
    const { values, outputs } = evaluate(net, inputs);
    const got = runLegal(legal, inputs, (op, slot, moment) => {
      const name = op.layer?.name;
      const source = name === undefined ? undefined : producers.get(name);
      const expected: Value | undefined = source && values.get(source.result);
      if (name === undefined || expected === undefined) return slot;
      seen.add(name);
      // What holds in the integer net fires in every timestep of the legal one.
      const at = expected[Math.floor((moment * expected.length) / op.type.time.count)]!;
      tallies.compare(op, at, slot, sample, moment);
      return slot;
    });
    for (const [name, value] of outputs) outputsEqual &&= sameValues(got.get(name), flatten(value));
  }
  const missing = [...producers.keys()].filter((name) => !seen.has(name));
  return { layers: tallies.finish(), outputsEqual, missing };
}

export interface LoihiAgreement extends Agreement {
  readonly results: readonly LoihiRunResult[];
}

/** Every spike of the chip's recorded layers, at every local timestep, and every output, are those of the legal net by the evaluator. */
export function loihiAgainstEvaluator(program: LoihiProgram, legal: LegalNet, recorded: Recording): LoihiAgreement {
  const tallies = new ChipTallies();
  const [host, machine] = [new Host(program), LOIHI_SIMULATORS.event(program)];
  const onChip = new Set(legal.net.ops.filter(({ layer }) => layer !== undefined));
  const missing = new Set<string>();
  const results: LoihiRunResult[] = [];
  let outputsEqual = true;
  for (let sample = 0; sample < recorded.samples; sample++) {
    const inputs = host.sample(recorded.input, sample);
    const values = new Map<string, ArrayLike<number>>();
    const result = machine.run(host.before(inputs, values), { record: true });
    results.push(result);
    const got = host.after(result.outputs, values);
    const expected = runLegal(legal, inputs, (op, slot: Slot, timestep) => {
      if (!onChip.has(op)) return slot;
      const { name } = op.layer!;
      const spikes = result.spikes?.get(name);
      if (spikes === undefined) missing.add(name);
      else
        tallies.compare(
          op,
          slot,
          spikes.subarray(timestep * slot.length, (timestep + 1) * slot.length),
          sample,
          timestep,
        );
      return slot;
    });
    for (const [name, value] of expected) outputsEqual &&= sameValues(got.get(name), value);
  }
  return { layers: tallies.finish(), outputsEqual, missing: [...missing], results };
}

function agreementRung(name: string, { layers, outputsEqual, missing }: Agreement, facts: string): Rung {
  const wrong = firstMismatch(layers);
  const passed = wrong === undefined && outputsEqual && missing.length === 0 && layers.length > 0;
  const detail = [
    totals(layers),
    outputsEqual ? "outputs equal" : "outputs differ",
    facts,
    ...(wrong === undefined ? [] : [wrong]),
    ...(missing.length === 0 ? [] : [`without counterpart: ${missing.join(", ")}`]),
  ];
  return { name, status: passed ? "passed" : "failed", detail: detail.join("; "), layers };
}

/** The plain simulator against the fast one, on the first sample. */
function steppedRung(name: string, program: LoihiProgram, recorded: Recording, event: LoihiRunResult): Rung {
  const host = new Host(program);
  const given = host.before(host.sample(recorded.input, 0), new Map());
  const run = runStepped(program, given, event, { record: true });
  if ("skipped" in run) return { name, status: "skipped", detail: run.skipped, layers: [] };
  const difference = firstDifference(run.fast, run.plain);
  const equal = `step times, counts, queues and spikes of the first sample equal; ${run.times}`;
  return {
    name,
    status: difference === undefined ? "passed" : "failed",
    detail: difference ?? equal,
    layers: [],
  };
}

const number = (n: number): string => Math.round(n).toLocaleString("en-US");

/** What runs of a program did, per sample. */
export function countsText({ cores, chip }: LoihiProgram, results: readonly LoihiRunResult[]): string {
  const mean = (of: (result: LoihiRunResult) => number): string => number(sum(results.map(of)) / results.length);
  const layers = (of: (layer: LoihiRunResult["layers"][number]) => number) => (result: LoihiRunResult) =>
    sum(result.layers.map(of));
  return [
    `${cores.length} ${cores.length === 1 ? "core" : "cores"} of ${chip.name}`,
    `${results[0]?.steps ?? 0} steps`,
    `${mean(({ time }) => time / 1000)} ns`,
    `${mean(layers(({ events }) => sum(events.message)))} messages`,
    `${mean(layers(({ synapses }) => sum(synapses.map(sum))))} synaptic events per sample`,
  ].join(", ");
}

/** Quantised to the registers of the chip, legalised, mapped, through the program file, and simulated. */
export function loihiRungs(chip: LoihiChip, net: Net, recorded: Recording, report: Report): readonly Rung[] {
  const named = (what: string): string => `chip ${chip.name}, ${what}`;
  const refused = (detail: string): readonly Rung[] => [
    { name: named("compiled"), status: "failed", detail, layers: [] },
  ];
  const { result, diagnostics } = runNamed(LOIHI.passesFor(chip, netTimesteps(net)), net, recorded);
  if (result === undefined) return refused(`refused: ${diagnostics[0]?.message ?? "no reason given"}`);
  const before = report.errors.length;
  const deployed: Deployed | undefined = LOIHI.compile(result, chip, { writeHost: writeHostNet }, report);
  if (deployed === undefined) return refused(`does not compile: ${report.errors[before]?.message ?? ""}`);
  const { legal } = deployed;
  const program = reload(deployed.program);
  const agreement = loihiAgainstEvaluator(program, legal, recorded);
  const { results } = agreement;
  return [
    agreementRung(named("legalised"), legalAgainstIntegers(result, legal, recorded), "against the integer net"),
    agreementRung(named("event"), agreement, countsText(program, results)),
    ...results.slice(0, 1).map((first) => steppedRung(named("stepped"), program, recorded, first)),
  ];
}
