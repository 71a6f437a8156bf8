import { FULL, hasShared, printBox, SHARED } from "./shared.js";

/** Run once, before all checks. */
export default function setup(): void {
  if (!hasShared()) {
    printBox([
      "CONFORMANCE CHECKS ARE SKIPPED: no recorded results",
      `looked for: ${SHARED}/golden`,
      "set SPIKEC_SHARED to the folder that holds golden/, data/ and tools/",
    ]);
  } else if (!FULL) {
    printBox(["a part of the long checks is skipped; all of them: npm run conformance -- --full"]);
  }
}
