import type { Command } from "commander";
import { TABLE_NAMES } from "../energy/index.js";
import { collectText } from "./command.js";

/** Options that several commands have, each declared once: what it is called, what it says, and its default. */

/** `[model]`: where a net comes from; `withModelOptions` has the rest. */
export function withModelArgument(command: Command): Command {
  return command.argument("[model]", "checkpoint (with --arch) or net.snn; none with --random-init");
}

/** `--target`: the backend. */
export function withTarget(command: Command): Command {
  return command.option("--target <name>", "kind of chip; `spikec targets` lists them; default: that of the chip");
}

/** The chip of each target where none is named; without a target the first. */
export const DEFAULT_CHIPS = { layerwise: "layerwise-default", loihi: "loihi2" } as const;

const CHIP = "--chip <name>";
const CHIP_TEXT = "chip description: one that `spikec targets` lists, or a JSON file";

/** `--chip`, once. */
export function withChip(command: Command): Command {
  return command.option(CHIP, `${CHIP_TEXT}; default ${Object.values(DEFAULT_CHIPS).join(", with --target loihi ")}`);
}

/** `--chip`, as often as wanted; {@link chipsOf} reads it. */
export function withChips(command: Command, defaults: string = DEFAULT_CHIPS.layerwise): Command {
  return command.option(CHIP, `${CHIP_TEXT}; repeatable; default ${defaults}`, collectText, []);
}

/** The chips of {@link withChips}. */
export function chipsOf({ chip }: { readonly chip: readonly string[] }): readonly string[] {
  return chip.length > 0 ? chip : [DEFAULT_CHIPS.layerwise];
}

/** `--table`: prices of events. */
export function withTable(command: Command): Command {
  const text = "energy table: one that `spikec tables` lists, or a JSON file";
  return command.option("--table <name>", text, TABLE_NAMES[0]);
}

const INPUT = "--input <path>";
const INPUT_KINDS = ".npy, .npz, PNG, JPEG, a folder of pictures, MNIST IDX, CIFAR binary";

/** `--input`, of commands that always run inputs. */
export function withInput(command: Command): Command {
  return command.requiredOption(INPUT, `inputs: ${INPUT_KINDS}`);
}

/** `--input`, of a command that runs inputs only for one of its options. */
export function withInputFor(command: Command, option: string): Command {
  return command.option(INPUT, `inputs for ${option}: ${INPUT_KINDS}`);
}
