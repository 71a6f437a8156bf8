import { didYouMean } from "../../diagnostics/index.js";
import { MAX_TIMESTEPS } from "../../ir/index.js";
import { netxError } from "./diagnostics.js";
import type { NetxNetwork } from "./network.js";

/** What a NetX file does not say, or leaves to who runs it. */
export interface NetxSettings {
  readonly timesteps: number;
  /** [H, W, C] of a network that begins with a convolution and has no input layer. */
  readonly input: readonly number[] | undefined;
  /** Comparison with the threshold: `gt` as lava and the chip have it, `ge` as lava-dl's training code has it. */
  readonly fire: "gt" | "ge";
}

const NAMES = ["timesteps", "input", "fire"];
const MAX_SIDE = 65_536;

function wrong(name: string, value: string, expected: string) {
  return netxError("setting", `\`--set ${name}=${value}\`: expected ${expected}`);
}

function readTimesteps(given: string | undefined, network: NetxNetwork): number {
  if (given === undefined) {
    if (network.timesteps !== undefined) return network.timesteps;
    throw netxError("setting", "the file does not say for how many timesteps the network runs", {
      hint: "give them with --set timesteps=N",
    });
  }
  const timesteps = Number(given);
  if (Number.isInteger(timesteps) && timesteps >= 1 && timesteps <= MAX_TIMESTEPS) return timesteps;
  throw wrong("timesteps", given, `an integer in 1..${MAX_TIMESTEPS}`);
}

function readInput(given: string | undefined, network: NetxNetwork): readonly number[] | undefined {
  if (given === undefined) return undefined;
  const first = network.layers[0];
  if (first?.type !== "conv") {
    throw netxError(
      "setting",
      "`--set input` is for networks that begin with a convolution; this file says its input",
      {
        hint: "leave it out",
      },
    );
  }
  const sides = given.split("x").map(Number);
  if (sides.length === 3 && sides.every((n) => Number.isInteger(n) && n >= 1 && n <= MAX_SIDE)) return sides;
  throw wrong("input", given, "HxWxC, such as 28x28x1");
}

function readFire(given: string | undefined): "gt" | "ge" {
  if (given === undefined || given === "gt" || given === "ge") return given ?? "gt";
  throw wrong("fire", given, "gt (lava, the chip) or ge (lava-dl's training code)");
}

/** Settings from `--set name=value`, completed by the file. Throws `netx/setting`. */
export function netxSettings(overrides: ReadonlyMap<string, string>, network: NetxNetwork): NetxSettings {
  const unknown = [...overrides.keys()].find((name) => !NAMES.includes(name));
  if (unknown !== undefined) {
    throw netxError("setting", `a NetX network has no setting \`${unknown}\``, { hint: didYouMean(unknown, NAMES) });
  }
  return {
    timesteps: readTimesteps(overrides.get("timesteps"), network),
    input: readInput(overrides.get("input"), network),
    fire: readFire(overrides.get("fire")),
  };
}
