import { rancError } from "./diagnostics.js";
import { isIdle, type RancBench, type RancGrid, type RancPacket } from "./grid.js";

/** How the cores of a grid lie. Core i is at (i % width, floor(i / width)). */
export interface RancLayout {
  readonly width: number;
  readonly height: number;
  /** Core in whose place the output bus is. */
  readonly output: number;
}

/** The core that a packet of `source` reaches; undefined outside of the grid. */
export function targetOf(
  { dx, dy }: RancPacket,
  source: number,
  { width, height }: Pick<RancLayout, "width" | "height">,
): number | undefined {
  const [x, y] = [(source % width) + dx, Math.floor(source / width) + dy];
  return x >= 0 && x < width && y >= 0 && y < height ? y * width + x : undefined;
}

/**
 * Finds the width for which all packets stay in the grid and go to working cores or to one other core, the output bus, which gets
 * no inputs. Throws `ranc/width` where no width or several fit, `ranc/output-bus` where `width` is given and does not.
 */
export function layOut(grid: RancGrid, { inputs }: RancBench, width?: number): RancLayout {
  const cores = grid.cores.length;
  const widths = Array.from({ length: cores }, (_, i) => i + 1).filter((each) => cores % each === 0);
  const working = grid.cores.map((core) => core.neurons.some((neuron) => !isIdle(core, neuron)));
  const travels = new Map<string, Travel>();
  const note = (packet: RancPacket, source: number, isInput: boolean): void =>
    void travels.set(`${source} ${packet.dx} ${packet.dy} ${isInput}`, { packet, source, isInput });
  for (const packet of inputs.flat()) note(packet, 0, true);
  grid.cores.forEach((core, source) => {
    for (const neuron of core.neurons) if (!isIdle(core, neuron)) note(neuron.packet, source, false);
  });
  const tried = (width === undefined ? widths : [width]).map((each) => ({
    width: each,
    result: widths.includes(each)
      ? tryWidth(each, cores, working, [...travels.values()])
      : `${cores} cores are no rows of ${each}`,
  }));
  const fitting = tried.flatMap(({ result }) => (typeof result === "string" ? [] : [result]));
  const [first] = fitting;
  if (first !== undefined && fitting.length === 1) return first;
  const location = { kind: "file", file: grid.folder } as const;
  if (width !== undefined) {
    const message = `a grid of width ${width}: ${String(tried[0]!.result)}`;
    throw rancError("output-bus", message, { location, hint: "leave --grid-width out, and the width is looked for" });
  }
  if (fitting.length > 1) {
    const message = `the packets fit a grid of any of the widths ${fitting.map((fit) => fit.width).join(", ")}`;
    throw rancError("width", message, { location, hint: "choose with --grid-width" });
  }
  const notes = tried.map((each) => ({ message: `width ${each.width}: ${String(each.result)}` }));
  throw rancError("width", `no width of a grid of ${cores} cores fits the packets`, { location, notes });
}

interface Travel {
  readonly packet: RancPacket;
  readonly source: number;
  readonly isInput: boolean;
}

/** The layout, or why there is none. */
function tryWidth(
  width: number,
  cores: number,
  working: readonly boolean[],
  travels: readonly Travel[],
): RancLayout | string {
  const height = cores / width;
  const buses = new Set<number>();
  for (const { packet, source, isInput } of travels) {
    const target = targetOf(packet, source, { width, height });
    const who = isInput ? "an input" : `a packet of core ${source}`;
    if (target === undefined) return `${who} with dx = ${packet.dx}, dy = ${packet.dy} leaves the grid`;
    if (working[target] === true) continue;
    if (isInput) return `an input goes to core ${target}, which has no working neurons`;
    buses.add(target);
  }
  const [output] = buses;
  if (output === undefined) return "no packet goes to a core without working neurons, so there is no output bus";
  if (buses.size > 1) return `packets go to several cores without working neurons: ${[...buses].join(", ")}`;
  return { width, height, output };
}
