import { isDeepStrictEqual } from "node:util";
import type { Program } from "../../../../src/backends/program/program.js";
import type { Machine, PortValues, RunOptions, RunResult } from "../../../../src/sim/layerwise/index.js";

/** A run, and when each instruction was issued and ended. */
export interface Logged {
  readonly result: RunResult;
  readonly log: readonly string[];
}

export function logged<Options extends RunOptions>(
  machine: Machine<Options>,
  inputs: ReadonlyMap<string, PortValues>,
  options?: Options,
): Logged {
  const log: string[] = [];
  const onInstruction: RunOptions["onInstruction"] = (engine, instruction, issued, ended) =>
    log.push(`${engine} ${instruction}: ${issued}..${ended}`);
  return { result: machine.run(inputs, { ...options, onInstruction } as unknown as Options), log };
}

/** The first differences between two runs in words; none where they are equal to the bit. */
export function differences(got: Logged, expected: Logged, program: Program): readonly string[] {
  const found: string[] = [];
  const compare = (what: string, a: unknown, b: unknown): void => {
    if (isDeepStrictEqual(a, b)) return;
    const short = (x: unknown): string => JSON.stringify(x, (_, v: unknown) => (ArrayBuffer.isView(v) ? "..." : v));
    found.push(`${what}: ${short(a)} instead of ${short(b)}`);
  };
  const at = expected.log.findIndex((line, i) => got.log[i] !== line);
  if (at >= 0) found.push(`instruction ended ${at}: ${got.log[at]} instead of ${expected.log[at]}`);
  compare("cycles", got.result.cycles, expected.result.cycles);
  compare("engines", got.result.engines, expected.result.engines);
  compare("conflicts", got.result.conflicts, expected.result.conflicts);
  program.layers.forEach(({ name }, i) => compare(`layer ${name}`, got.result.layers[i], expected.result.layers[i]));
  for (const [name, values] of expected.result.outputs) compare(name, got.result.outputs.get(name), values);
  compare("spikes", got.result.spikes, expected.result.spikes);
  if (found.length === 0 && !isDeepStrictEqual(got, expected)) found.push("the runs differ");
  return found;
}

/** The instructions as text, for a message about a failing seed. */
export function programText({ chip, instructions }: Program): string {
  const uses = (list: Program["instructions"][number]["waits"]): string =>
    list.map(({ token, count }) => `${token} x ${count}`).join(", ");
  const lines = instructions.map(({ op, layer, fields, waits, signals }, i) => {
    const values = Object.entries(fields).map(([name, value]) => `${name}=${value}`);
    return `${i} ${op} layer ${layer} {${values.join(" ")}} waits [${uses(waits)}] signals [${uses(signals)}]`;
  });
  return [JSON.stringify(chip), ...lines].join("\n");
}
