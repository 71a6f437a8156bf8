import type { FieldsOf } from "../../../../backends/program/instruction.js";
import type { MapWindow, SpikeWindow } from "../../../kernels/index.js";

type WindowFields = Omit<MapWindow, "input" | "lanes">;

/** The fields of an instruction with a window, as the kernels want them; `input` is an address. */
export function mapWindow(f: WindowFields, input: number, lanes: number): MapWindow {
  const { blocks, height, width, firstRow, kernel, stride, padding, outRow, outRows, outWidth } = f;
  return { input, lanes, blocks, height, width, firstRow, kernel, stride, padding, outRow, outRows, outWidth };
}

/** The windows of an `accumulate` over the spike memory whose word 0 is at `from`. */
export function spikeWindow(f: FieldsOf<"accumulate">, from: number, lanes: number, timesteps: number): SpikeWindow {
  const word = (lanes * timesteps) / 8;
  const { steps, channels, planes } = f;
  const window = mapWindow(f, from + f.input * word, lanes);
  return { ...window, timesteps, steps, channels, planes, planeBytes: f.planeStride * word };
}
