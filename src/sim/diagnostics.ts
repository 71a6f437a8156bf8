import type { FieldsOf } from "../backends/program/instruction.js";
import type { LoihiInput } from "../backends/program/loihi/program.js";
import type { Program } from "../backends/program/program.js";
import { defineDiagnostics, DiagnosticError } from "../diagnostics/index.js";

export const simDiagnostics = defineDiagnostics("sim", {
  deadlock: {
    severity: "error",
    explain:
      "No engine of the chip can ever go on: each waits for a token that no other will signal. The program is wrong; the message names what every engine waits for.",
  },
  "cycle-limit": { severity: "error", explain: "The run did not end within the given number of cycles." },
  capacity: {
    severity: "error",
    explain: "An input has more important tokens than the capacity that the program was compiled for.",
  },
  memory: {
    severity: "error",
    explain:
      "The simulation needs more memory than it can address (4 GiB) or than the host gives. Nothing was simulated.",
  },
  probe: {
    severity: "error",
    explain: "A probe names a layer that the program does not have, one without neurons, or a neuron outside of it.",
  },
  input: {
    severity: "error",
    explain: "An input of the program is missing, or has another length or number format than the program expects.",
  },
  payload: {
    severity: "error",
    explain:
      "A relay, an attention core or the host has a value that the payload of a message cannot hold: `numerics.gradedBits` of the chip, sign included.",
  },
  overflow: {
    severity: "error",
    explain:
      "A state left 32 bits, or a sum 53. The arithmetic of the chip's profile says nothing about such numbers, so there is no right answer.",
  },
  saturation: {
    severity: "warning",
    explain:
      "A sum, current or potential left the width of the step-by-step chip's states and was wrapped or clipped, as the chip does: from there on spikes may differ from those of the network. In how many updates, and in which layers and cores, is said beside it.",
  },
  queue: {
    severity: "warning",
    explain:
      "More messages waited at a port or link of the step-by-step chip than the description gives it places for. The simulated queues have no limit and slow nobody down, so the real chip would take longer.",
  },
});

/** The run did not end within `limit` cycles. */
export function cycleLimit(program: Program, limit: number): DiagnosticError {
  const message = `\`${program.name}\` did not end within ${limit} cycles`;
  return new DiagnosticError(simDiagnostics.make("cycle-limit", message));
}

/** An engine of a chip that stands still: in an instruction, in front of one that misses tokens, or without any. */
export interface StuckEngine {
  readonly name: string;
  readonly active?: number | undefined;
  readonly head?: number | undefined;
  /** How many there are of a token. */
  readonly has: (token: number) => number;
}

/** Names each engine, its instruction and the tokens it waits for. `cycle` was the last one; `left` instructions are not dispatched. */
export function deadlock(
  program: Program,
  engines: readonly StuckEngine[],
  cycle: number,
  left: number,
): DiagnosticError {
  const describe = (instruction: number): string => {
    const { op, layer } = program.instructions[instruction]!;
    return `instruction ${instruction} (${op}, layer \`${program.layers[layer]?.name ?? layer}\`)`;
  };
  const lines = engines.map(({ name, active, head, has }) => {
    if (active !== undefined) return `${name}: in ${describe(active)}`;
    if (head === undefined) return `${name}: nothing to do`;
    const missing = program.instructions[head]!.waits.filter(({ token, count }) => has(token) < count);
    const tokens = missing.map(({ token, count }) => `token ${token} (needs ${count}, has ${has(token)})`);
    return `${name}: ${describe(head)} waits for ${tokens.join(", ")}`;
  });
  const notes = [...lines, `dispatcher: ${left} instructions left`].map((message) => ({ message }));
  const message = `\`${program.name}\` cannot go on after cycle ${cycle}`;
  return new DiagnosticError(simDiagnostics.make("deadlock", message, { notes }));
}

/** More tokens reach the share of a strict `top-k` than it keeps. */
export function tooManyTokens(f: FieldsOf<"top-k">): DiagnosticError {
  const message = `more than ${f.keep} of ${f.tokens} tokens reach share = ${f.share}, the capacity is ${f.keep}`;
  const hint = "compile with a larger capacity or share, or overflow = keep-best";
  return new DiagnosticError(simDiagnostics.make("capacity", message, { hint }));
}

/** A value for timestep t of an input that is no integer, no spike, or does not fit the chip's payloads; or too few or many of them. */
export function unfitInput(input: LoihiInput, problem: string): DiagnosticError {
  return new DiagnosticError(simDiagnostics.make("input", `input \`${input.name}\` ${problem}`));
}

/** `who` sends a payload that is wider than messages of this chip carry. */
export function wideMessage(who: string, step: number, value: number, gradedBits: number): DiagnosticError {
  const [least, most] = [-(2 ** (gradedBits - 1)), 2 ** (gradedBits - 1) - 1];
  const holds = gradedBits === 0 ? "no payloads at all" : `${least}..${most} (gradedBits = ${gradedBits})`;
  const message = `${who} would send ${value} in step ${step}, messages hold ${holds}`;
  const hint = "use a chip with more gradedBits, or smaller weights or inputs";
  return new DiagnosticError(simDiagnostics.make("payload", message, { hint }));
}

/** A sum or a state that the arithmetic does not define. */
export function outOfRange(who: string, step: number, what: string, value: number, bits: number): DiagnosticError {
  const message = `${what} of ${who} is ${value} in step ${step}, which leaves ${bits} bits`;
  const hint = "use smaller weights, faster decay, or a chip whose profile wraps or clips";
  return new DiagnosticError(simDiagnostics.make("overflow", message, { hint }));
}
