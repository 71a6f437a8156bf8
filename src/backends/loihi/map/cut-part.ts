import type { Placed } from "./core-memory.js";

/**
 * A part as several, in the first compartments of cores of their own; `pieceOf` says to which of them a compartment of the part goes,
 * `widths` how many neurons of a position each has. Neurons keep their order.
 */
export function cutPart(
  { part, synapses }: Placed,
  widths: readonly number[],
  pieceOf: (compartment: number) => number,
): readonly Placed[] {
  const pieces = widths.map(() => ({
    neurons: [] as number[],
    source: [] as number[],
    start: [] as number[],
    compartment: [] as number[],
    weight: [] as number[],
    delay: [] as number[],
  }));
  const homes = Array.from(part.neurons, (_, c) => pieces[pieceOf(c)]!);
  const places = Array.from(part.neurons, (j, c) => homes[c]!.neurons.push(j) - 1);
  const { source, start, compartment, weight, delay } = synapses;
  for (let i = 0; i < source.length; i++) {
    for (let k = start[i]!; k < start[i + 1]!; k++) {
      const piece = homes[compartment[k]!]!;
      if (piece.source[piece.source.length - 1] !== source[i]) {
        piece.source.push(source[i]!);
        piece.start.push(piece.compartment.length);
      }
      piece.compartment.push(places[compartment[k]!]!);
      piece.weight.push(weight[k]!);
      piece.delay.push(delay[k]!);
    }
  }
  return pieces.map((piece, p) => ({
    part: { ...part, neurons: Int32Array.from(piece.neurons), width: widths[p]! },
    synapses: {
      source: Int32Array.from(piece.source),
      start: Int32Array.from([...piece.start, piece.compartment.length]),
      compartment: Int32Array.from(piece.compartment),
      weight: Int32Array.from(piece.weight),
      delay: Uint8Array.from(piece.delay),
    },
    first: 0,
  }));
}
