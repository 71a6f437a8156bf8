import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "vitest";
import { z } from "zod";
import type { LoihiProgram } from "../../src/backends/program/loihi/program.js";
import { Report } from "../../src/diagnostics/index.js";
import { exportSanaFe, type InputSpikes } from "../../src/report/sana-fe/index.js";
import { ROOT, skipLoudly } from "./shared.js";

/** The Python with the package `sanafe`: `SPIKEC_PYTHON`, or python3. */
const PYTHON = process.env["SPIKEC_PYTHON"] ?? "python3";

/** Skips the check where there is no package `sanafe`. */
export function needSanaFe(context: TestContext): void {
  const { status } = spawnSync(PYTHON, ["-c", "import sanafe"]);
  if (status !== 0) skipLoudly(context, `${PYTHON} has no package sanafe; set SPIKEC_PYTHON to one that has`);
}

const perStep = z.array(z.number());
const runSchema = z.object({
  spikes: z.array(z.array(z.tuple([z.string(), z.number()]))),
  messages: z.number(),
  /** Energies in J, times in s; `spikes` are synaptic events, `fired` and `updated` count input neurons, too. */
  perf: z.object({
    fired: perStep,
    updated: perStep,
    spikes: perStep,
    hops: perStep,
    sim_time: perStep,
    soma_energy: perStep,
    synapse_energy: perStep,
    network_energy: perStep,
    total_energy: perStep,
  }),
});

export interface SanaFeRun extends z.infer<typeof runSchema> {
  /** By population: 0 or 1, [timesteps of its local time, neurons]. */
  readonly local: readonly Uint8Array[];
  /** By population: spikes outside its local time. */
  readonly outside: readonly number[];
}

/** Exports a program and runs SANA-FE on it. */
export function runSanaFe(program: LoihiProgram, inputs: InputSpikes): SanaFeRun {
  const report = new Report();
  const files = exportSanaFe(program, { inputs }, report);
  if (files === undefined) throw new Error(report.diagnostics.map(({ message }) => message).join("\n"));
  const folder = mkdtempSync(join(tmpdir(), "spikec-sana-fe-"));
  try {
    const [architecture, network] = [join(folder, "architecture.yaml"), join(folder, "network.yaml")];
    writeFileSync(architecture, [...files.architecture].join(""));
    writeFileSync(network, [...files.network].join(""));
    const script = join(ROOT, "conformance", "support", "sana_fe.py");
    const args = [script, architecture, network, `${files.timesteps}`];
    const { status, stdout, stderr } = spawnSync(PYTHON, args, { encoding: "utf8", maxBuffer: 2 ** 30 });
    if (status !== 0) throw new Error(`SANA-FE failed: ${stderr}`);
    const run = runSchema.parse(JSON.parse(stdout.trim().split("\n").at(-1)!));
    return { ...run, ...inLocalTime(program, files.groups, run.spikes) };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function inLocalTime(
  { populations, timesteps }: LoihiProgram,
  groups: readonly string[],
  spikes: SanaFeRun["spikes"],
): Pick<SanaFeRun, "local" | "outside"> {
  const local = populations.map(({ neurons }) => new Uint8Array(timesteps * neurons));
  const outside = populations.map(() => 0);
  for (const [n, fired] of spikes.entries()) {
    for (const [group, neuron] of fired) {
      const population = groups.indexOf(group);
      const { start, neurons } = populations[population]!;
      const timestep = n - 1 - start;
      if (timestep < 0 || timestep >= timesteps) outside[population]!++;
      else local[population]![timestep * neurons + neuron] = 1;
    }
  }
  return { local, outside };
}
