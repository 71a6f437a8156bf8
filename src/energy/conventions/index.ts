import type { Convention } from "./convention.js";
import { event } from "./event.js";
import { spikingformer } from "./spikingformer.js";
import { spikingresformer } from "./spikingresformer.js";
import { statten } from "./statten.js";
import { syopsCounter } from "./syops-counter.js";

export * from "./convention.js";

/** Every convention, written out by hand; adding one is its file and its line here. */
export const CONVENTIONS: readonly Convention[] = [event, statten, spikingformer, spikingresformer, syopsCounter];
