import { readFileSync } from "node:fs";
import { Command, CommanderError } from "commander";
import { EXIT, terminalIo, usageExit, type Io } from "./command.js";
import { registerCompile } from "./compile.js";
import { registerDemo } from "./demo.js";
import { registerEnergy } from "./energy.js";
import { registerInspect } from "./inspect.js";
import { registerLists } from "./lists.js";
import { registerOpt } from "./opt.js";
import { registerSimulate } from "./simulate.js";
import { registerValidate } from "./validate.js";

function version(): string {
  const json: unknown = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"));
  return typeof json === "object" && json !== null && "version" in json ? String(json.version) : "unknown";
}

export function createProgram(io: Io): Command {
  const program = new Command("spikec")
    .description("Compile trained spiking neural networks for neuromorphic chips, simulate the chips, and say what the run costs.")
    .version(version())
    .exitOverride()
    .configureOutput({ writeErr: (text) => io.err(text.trimEnd()), writeOut: (text) => io.out(text.trimEnd()) })
    .showSuggestionAfterError()
    .addHelpText("after", "\nFirst steps: `spikec demo`, then `spikec models`, `spikec compile --help`.");
  for (const register of [registerInspect, registerCompile, registerSimulate, registerEnergy, registerValidate, registerOpt, registerLists, registerDemo]) {
    register(program, io);
  }
  return program;
}

export async function main(args: readonly string[], io: Io = terminalIo): Promise<void> {
  try {
    await createProgram(io).parseAsync([...args], { from: "user" });
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
