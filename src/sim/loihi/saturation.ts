import type { Group, LoihiProgram } from "../../backends/program/loihi/program.js";
import type { Diagnostic } from "../../diagnostics/index.js";
import { simDiagnostics } from "../diagnostics.js";

/**
 * A warning where numbers of a run left the widths of the chip's states (docs/loihi-arithmetic.md) and were wrapped or clipped:
 * how often in each layer, in which cores it lies, and what they hold. `counted`: layers of a run, or their sums over several. Undefined
 * where all fitted.
 */
export function saturations(
  program: LoihiProgram,
  counted: readonly { readonly events: Readonly<Record<"saturation" | "update", ArrayLike<number>>> }[],
): Diagnostic | undefined {
  const { cores, populations, layers } = program;
  const notes = counted.flatMap(({ events }, layer) => {
    const count = total(events.saturation);
    if (count === 0) return [];
    const own = cores.flatMap((core, i) =>
      core.kind === "neuro"
        ? core.groups
            .filter(({ population }) => populations[population]!.layer === layer)
            .map((group) => ({ i, group }))
        : [],
    );
    const message = `${layers[layer]!.name}: ${count} in ${total(events.update)} updates, ${coresText([...new Set(own.map(({ i }) => i))])}; v holds ${rangeOf(own.map(({ group }) => group))}`;
    return [{ count, message }];
  });
  if (notes.length === 0) return undefined;
  const all = total(notes.map(({ count }) => count));
  const message = `sums or potentials were wrapped or clipped to what the chip's states hold: ${all}`;
  return simDiagnostics.make("saturation", message, {
    notes: notes.sort((a, b) => b.count - a.count).map(({ message }) => ({ message })),
    hint: "smaller weights, or quantize with fewer fraction-bits; `spikec simulate --probe LAYER` shows u and v",
  });
}

/** Cores that are named; more are only counted. */
const NAMED = 8;

function coresText(cores: readonly number[]): string {
  const more = cores.length > NAMED ? ` and ${cores.length - NAMED} more` : "";
  return `${cores.length === 1 ? "core" : "cores"} ${cores.slice(0, NAMED).join(", ")}${more}`;
}

const total = (numbers: ArrayLike<number>): number => Array.from(numbers).reduce((sum, n) => sum + n, 0);

function rangeOf(groups: readonly Group[]): string {
  return `${Math.min(...groups.map(({ vMin }) => vMin))}..${Math.max(...groups.map(({ vMax }) => vMax))}`;
}
