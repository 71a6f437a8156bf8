import { readFileSync } from "node:fs";
import { Command, CommanderError } from "commander";
import { terminalIo, usageExit, type Io } from "./command.js";
import { EXIT } from "./exit.js";

function version(): string {
  const json: unknown = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"));
  return typeof json === "object" && json !== null && "version" in json ? String(json.version) : "unknown";
}

type Register = (program: Command, io: Io) => void;

/** Commands by name. Loaded on demand: a simulation loads no compiler, and help for one command loads no other. */
const COMMANDS: ReadonlyMap<string, () => Promise<Register>> = new Map(
  Object.entries({
    inspect: async () => (await import("./inspect.js")).registerInspect,
    compile: async () => (await import("./compile.js")).registerCompile,
    simulate: async () => (await import("./simulate.js")).registerSimulate,
    energy: async () => (await import("./energy.js")).registerEnergy,
    "sweep-k": async () => (await import("./sweep-k.js")).registerSweepK,
    compare: async () => (await import("./compare.js")).registerCompare,
    validate: async () => (await import("./validate.js")).registerValidate,
    diff: async () => (await import("./diff.js")).registerDiff,
    convert: async () => (await import("./convert.js")).registerConvert,
    opt: async () => (await import("./opt.js")).registerOpt,
    demo: async () => (await import("./demo.js")).registerDemo,
    lists: async () => (await import("./lists.js")).registerLists,
  }),
);

/** The command line with the one command that is called, or with all of them. */
async function createProgram(command: string | undefined, io: Io): Promise<Command> {
  const program = new Command("spikec")
    .description(
      "Compile trained spiking neural networks for neuromorphic chips, simulate the chips, and say what the run costs.",
    )
    .version(version())
    .exitOverride()
    .configureOutput({ writeErr: (text) => io.err(text.trimEnd()), writeOut: (text) => io.out(text.trimEnd()) })
    .showSuggestionAfterError()
    .addHelpText("after", "\nFirst steps: `spikec demo`, then `spikec models`, `spikec compile --help`.");
  const called = command !== undefined && command !== "lists" ? COMMANDS.get(command) : undefined;
  for (const load of called === undefined ? [...COMMANDS.values()] : [called]) (await load())(program, io);
  return program;
}

export async function main(args: readonly string[], io: Io = terminalIo): Promise<void> {
  try {
    const program = await createProgram(args[0], io);
    await program.parseAsync([...args], { from: "user" });
  } catch (error) {
    if (error instanceof CommanderError) {
      process.exitCode = usageExit(error);
      return;
    }
    io.err(error instanceof Error ? (error.stack ?? error.message) : String(error));
    io.err("\nThis is a bug of spikec, not of your input. Please report it with the command and the text above.");
    process.exitCode = EXIT.bug;
  }
}
