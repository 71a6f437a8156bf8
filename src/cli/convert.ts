import { existsSync, mkdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { Option, type Command } from "commander";
import { readProgram } from "../backends/program/index.js";
import type { LoihiProgram } from "../backends/program/loihi/program.js";
import { DiagnosticError, type Report } from "../diagnostics/index.js";
import { readNpy, readNpz } from "../frontend/formats/index.js";
import type { Tensor } from "../math/tensor.js";
import { APPROXIMATIONS, approximationsOf, exportSanaFe, type InputSpikes } from "../report/sana-fe/index.js";
import { collectText, runCommand, type Io } from "./command.js";
import { cliDiagnostics } from "./diagnostics.js";
import { checkOutput, pathsRead, readFileOrThrow } from "./files.js";
import { OUTPUT_DIAGNOSTICS, writeFileAtomically } from "./output.js";

interface ConvertOptions {
  readonly to: "sana-fe";
  readonly output: string;
  readonly input?: string;
  readonly allow: readonly string[];
}

const PREFIX = "approximate:";

/** What `--allow approximate:a,b` names. */
function allowed(values: readonly string[]): ReturnType<typeof approximationsOf> {
  return approximationsOf(
    values.flatMap((value) => (value.startsWith(PREFIX) ? value.slice(PREFIX.length) : value).split(",")),
  );
}

/** Spikes of each input of a program: an .npz with arrays of their names, or an .npy where there is one input. */
function readSpikes(path: string, { inputs, timesteps }: LoihiProgram, report: Report): InputSpikes | undefined {
  const bytes = readFileOrThrow(path);
  const location = { kind: "file", file: path } as const;
  const fail = (message: string): undefined => report.add(cliDiagnostics.make("inputs", message, { location }));
  let arrays: ReadonlyMap<string, Tensor> | undefined;
  if (path.endsWith(".npz")) arrays = readNpz(bytes, path, report);
  else if (inputs.length === 1) {
    const array = readNpy(bytes, path, report);
    arrays = array === undefined ? undefined : new Map([[inputs[0]!.name, array]]);
  } else {
    const names = inputs.map(({ name }) => `\`${name}\``).join(", ");
    return fail(`the program has ${inputs.length} inputs; give an .npz with their names: ${names}`);
  }
  if (arrays === undefined) return undefined;
  for (const { name, shape } of inputs) {
    const got = arrays.get(name)?.shape;
    const wanted = [timesteps, ...shape].join("x");
    if (got === undefined || got.join("x") !== wanted) {
      fail(`input \`${name}\` needs an array of ${wanted}, got ${got === undefined ? "none" : got.join("x")}`);
    }
  }
  return report.failed ? undefined : new Map([...arrays].map(([name, { data }]) => [name, data]));
}

/** Makes a folder in a folder that exists; a file of that name is an error. */
function makeFolder(path: string): void {
  if (existsSync(path) && !statSync(path).isDirectory()) {
    throw new DiagnosticError(cliDiagnostics.make("no-folder", `\`${path}\` is a file; the output is a folder`));
  }
  try {
    mkdirSync(path, { recursive: true });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new DiagnosticError(OUTPUT_DIAGNOSTICS.make("cannot-write", `cannot make the folder \`${path}\`: ${reason}`));
  }
}

async function convert(file: string, options: ConvertOptions, report: Report, io: Io): Promise<void> {
  checkOutput(options.output, pathsRead(file, options));
  const allow = allowed(options.allow);
  const program = readProgram(file, report, "loihi");
  if (program === undefined) return;
  const inputs = options.input === undefined ? undefined : readSpikes(options.input, program, report);
  if (report.failed) return;
  const files = exportSanaFe(program, { inputs, allow }, report);
  if (files === undefined) return;
  makeFolder(options.output);
  const [architecture, network] = ["architecture.yaml", "network.yaml"].map((name) => join(options.output, name));
  await writeFileAtomically(architecture!, files.architecture);
  await writeFileAtomically(network!, files.network);
  const silent = inputs === undefined && program.inputs.length > 0;
  io.out(
    [
      `${architecture}, ${network}: ${program.name} on ${program.chip.name}, ${files.timesteps} timesteps`,
      ...files.notes,
      ...(silent ? ["input neurons are silent: --input gives them spikes"] : []),
    ].join("\n"),
  );
}

export function registerConvert(program: Command, io: Io): void {
  program
    .command("convert")
    .description("write a program for a step-by-step chip as the files of another simulator")
    .argument("<program>", "program file written by `spikec compile`")
    .addOption(
      new Option("--to <format>", "sana-fe: architecture.yaml and network.yaml of SANA-FE")
        .choices(["sana-fe"])
        .makeOptionMandatory(),
    )
    .requiredOption("-o, --output <folder>", "folder to write them to; made if its parent exists")
    .option(
      "--input <file>",
      "spikes that the host puts in: .npy of timesteps x shape, or .npz with an array per input; silent without",
    )
    .option(
      "--allow <approximate:names>",
      `follow nearly what cannot be followed exactly: ${Object.keys(APPROXIMATIONS).join(", ")}; repeatable`,
      collectText,
      [],
    )
    .action((file: string, options: ConvertOptions) => runCommand(io, (report) => convert(file, options, report, io)));
}
