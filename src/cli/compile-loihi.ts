import { InvalidArgumentError, Option, type Command } from "commander";
import { LOIHI } from "../backends/index.js";
import {
  agreementTable,
  APPROXIMATIONS,
  MAP_OBJECTIVES,
  STREAMS,
  type Approximation,
  type Deployed,
  type MapObjective,
} from "../backends/loihi/index.js";
import { readChip, type LoihiChip } from "../chips/index.js";
import { Report } from "../diagnostics/index.js";
import { writeHostNet } from "../host/index.js";
import { netTimesteps, type Net } from "../ir/index.js";
import type { Objective } from "../passes/block-time.js";
import { INTEGERS_ONLY } from "../passes/facts.js";
import type { PassTable } from "../passes/pass.js";
import type { Io } from "./command.js";
import { refuseWithoutEffect } from "./no-effect.js";
import { readProfile } from "./profile.js";
import { readCalibration, runPasses, type PassOptions } from "./pass-options.js";
import { table } from "./text.js";

/** Compiling for step-by-step chips on the command line. */

export interface LoihiOptions {
  readonly streams?: (typeof STREAMS)[number];
  readonly head?: "host" | "chip";
  readonly allow?: ReadonlySet<Approximation>;
  readonly seed?: number;
  /** Of the mapper; one of a search of time blocks is for other chips. */
  readonly objective?: Objective | MapObjective;
  /** A run whose messages decide places. */
  readonly profile?: string;
}

/** Samples whose messages decide places, and on which approximations are measured. */
const PROFILE_SAMPLES = 4;

function approximation(text: string, previous: ReadonlySet<Approximation> | undefined): ReadonlySet<Approximation> {
  const found = APPROXIMATIONS.find((name) => text === `approximate:${name}`);
  if (found !== undefined) return new Set([...(previous ?? []), found]);
  throw new InvalidArgumentError(`expected ${APPROXIMATIONS.map((name) => `approximate:${name}`).join(" or ")}`);
}

function seed(text: string): number {
  const n = Number(text);
  if (text.trim() === "" || !Number.isSafeInteger(n) || n < 0)
    throw new InvalidArgumentError("expected an integer of at least 0");
  return n;
}

const FLAGS = [
  "--streams",
  "--head",
  "--allow",
  "--seed",
  "--profile",
  ...MAP_OBJECTIVES.map((name) => `--objective ${name}`),
];

/** The target that a command was called for: what `--target` says, else the kind of its chip; faults are found later. */
function calledTarget(called: Command): string | undefined {
  const { target, chip = [] } = called.opts<{ target?: string; chip?: string | readonly string[] }>();
  if (target !== undefined) return target;
  const targets = [chip].flat().map((name) => readChip(name, new Report())?.target);
  return targets.includes("loihi") ? "loihi" : targets[0];
}

/** Makes options that mean something on layer-by-layer chips alone usage errors on step-by-step chips. */
export function refuseOnSteps(command: Command, flags: readonly string[], hint = "leave it out"): Command {
  return refuseWithoutEffect(command, flags, (called) =>
    calledTarget(called) === "loihi" ? { why: "on a step-by-step chip", hint } : undefined,
  );
}

/** Options of legalisation and mapping. */
export function withLoihiOptions(command: Command): Command {
  command
    .addOption(
      new Option("--streams <how>", "step-by-step chips: sums of a stream in each reader, or in relays").choices(
        STREAMS,
      ),
    )
    .addOption(
      new Option("--head <where>", "step-by-step chips: where what stands behind the last spikes is computed").choices([
        "host",
        "chip",
      ]),
    )
    .option(
      "--allow <approximation>",
      `step-by-step chips: what may be rounded where it has no exact form (${APPROXIMATIONS.map((name) => `approximate:${name}`).join(", ")}); repeatable`,
      approximation,
    )
    .option("--seed <n>", "step-by-step chips: of the search for places; default 0", seed);
  return refuseWithoutEffect(command, FLAGS, (called) =>
    calledTarget(called) === "loihi"
      ? undefined
      : { why: "on a layer-by-layer chip", hint: "add --target loihi, or name a step-by-step chip" },
  );
}

const tableText = ({ title, header, rows }: PassTable): string => `${title}\n${table([header, ...rows])}\n`;

/**
 * Passes, legalisation and mapping; a net in integers goes without passes unless some are named. What streams and neurons became, and
 * what approximations changed, goes to `explain`. Undefined with reports where something fails.
 */
export function compileForLoihi(
  net: Net,
  chip: LoihiChip,
  options: PassOptions & LoihiOptions,
  report: Report,
  io: Io,
  explain: (text: string) => void,
): Deployed | undefined {
  const integers = INTEGERS_ONLY.violation(net) === undefined;
  const passes = options.passes ?? (integers ? "" : LOIHI.passesFor(chip, netTimesteps(net)));
  const lowered = runPasses(net, { ...options, passes }, report, io, explain);
  const calibration = lowered === undefined ? undefined : readCalibration(lowered, options, report);
  if (lowered === undefined || report.failed) return undefined;
  const profile = calibration?.samples.slice(0, PROFILE_SAMPLES) ?? [];
  const { streams, head, allow, seed: places, profile: measured } = options;
  const objective = MAP_OBJECTIVES.find((name) => name === options.objective);
  const run = measured === undefined ? undefined : readProfile(measured, report);
  if (report.failed) return undefined;
  const deployed = LOIHI.compile(
    lowered,
    chip,
    {
      writeHost: writeHostNet,
      profile: run ?? profile,
      ...(streams === undefined ? {} : { streams }),
      ...(head === undefined ? {} : { head }),
      ...(allow === undefined ? {} : { allow }),
      ...(places === undefined ? {} : { seed: places }),
      ...(objective === undefined ? {} : { objective }),
    },
    report,
  );
  if (deployed === undefined) return undefined;
  for (const facts of deployed.legal.tables) explain(tableText(facts));
  if (allow === undefined) return deployed;
  if (profile.length > 0) io.out(tableText(agreementTable(lowered, deployed.legal, profile)));
  else io.err("what --allow changes is not measured: add --calibrate images.npy");
  return deployed;
}
