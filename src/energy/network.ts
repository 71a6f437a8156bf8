/** Energy of a network rather than of a run: beside `index.ts`, because this needs the IR, which no simulation may load. */

export * from "./activity.js";
export { compareWithAnn, type AnnComparison, type AnnRow } from "./ann.js";
export * from "./conventions/index.js";
export * from "./count.js";
export type { IntegerRule } from "./op-events.js";
export * from "./what-if.js";
