import type { ValueType, Window } from "../../../ir/index.js";
import type { FeatureMap, Operand, Place, Tile } from "../stage.js";
import { gridOf } from "./context.js";

/** Rows of the input that a window over rows `first..end` of the output needs. */
export function windowOperand(map: FeatureMap, type: ValueType, window: Window): Operand {
  const { height, width } = gridOf(type);
  const { kernel, stride, padding } = window;
  return {
    map,
    rowPositions: width,
    rows: (first, end) => [
      Math.max(0, first * stride - padding),
      Math.min(height, (end - 1) * stride - padding + kernel),
    ],
    mostRows: (n) => Math.min(height, (n - 1) * stride + kernel),
  };
}

/** A window that sees one position: what a dense layer is. Positions are rows of one column. */
export const POINT: Window = { kernel: 1, stride: 1, padding: 0 };

/** The window fields shared by weighted and pooling instructions; the input starts at the place's first row. */
export function windowFields(
  place: Place,
  slot: number,
  map: FeatureMap,
  grid: { readonly height: number; readonly width: number; readonly outWidth: number },
  window: Window,
  tile: Pick<Tile, "first" | "end">,
) {
  return {
    input: place.base + (slot - place.firstSlot) * place.slotStride,
    height: grid.height,
    width: grid.width,
    firstRow: place.firstRow,
    blocks: map.blocks,
    kernel: window.kernel,
    stride: window.stride,
    padding: window.padding,
    outRow: tile.first,
    outRows: tile.end - tile.first,
    outWidth: grid.outWidth,
  };
}
