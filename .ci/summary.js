// Counts the checks of a run of .ci/run: summary.js RESULTS, a folder with <step>.status and, of test runners, <step>.json.
// Exits 0 when nothing failed and 3 when something did; any other status means that there is no count.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

const [folder] = process.argv.slice(2);
const COUNTED_FAULTS = 3;
/** Steps by how they count: by the results in their JSON, as one check, or only when they fail. */
const STEPS = { install: "fault", test: "json", conformance: "json", lint: "check", typecheck: "check" };

/** Exit status of a step; undefined when it was not run. */
function statusOf(step) {
  const file = join(folder, `${step}.status`);
  return existsSync(file) ? Number(readFileSync(file, "utf8")) : undefined;
}

/** Reads what vitest's JSON reporter wrote; undefined when there is nothing or only a part of it. */
function readResults(step) {
  try {
    return JSON.parse(readFileSync(join(folder, `${step}.json`), "utf8"));
  } catch {
    return undefined;
  }
}

/** Counts the tests of one runner. A file that failed without a failed test, and a runner that crashed, count as one fault each. */
function countTests(step, status) {
  const results = readResults(step);
  if (results === undefined || !Array.isArray(results.testResults)) {
    console.log(`${step}: no results, the runner exited with ${status}`);
    return { passed: 0, failed: 1, skipped: 0 };
  }
  const count = { passed: 0, failed: 0, skipped: 0 };
  for (const file of results.testResults) {
    const outcomes = file.assertionResults.map((test) => test.status);
    for (const outcome of outcomes) {
      if (outcome === "passed") count.passed++;
      else if (outcome === "failed") count.failed++;
      else count.skipped++;
    }
    if (file.status === "failed" && !outcomes.includes("failed")) {
      console.log(`${step}: ${file.name} failed as a whole: ${file.message}`);
      count.failed++;
    }
  }
  if (count.failed === 0 && (status !== 0 || count.passed + count.skipped === 0)) {
    console.log(`${step}: the runner exited with ${status} after ${count.passed + count.skipped} tests`);
    count.failed++;
  }
  return count;
}

function countStep(step, kind) {
  const status = statusOf(step);
  if (status === undefined) {
    console.log(`${step}: was not run`);
    return { passed: 0, failed: 1, skipped: 0 };
  }
  if (kind === "json") return countTests(step, status);
  return { passed: kind === "check" && status === 0 ? 1 : 0, failed: status === 0 ? 0 : 1, skipped: 0 };
}

const total = { passed: 0, failed: 0, skipped: 0 };
console.log("\n== summary");
for (const [step, kind] of Object.entries(STEPS)) {
  const { passed, failed, skipped } = countStep(step, kind);
  total.passed += passed;
  total.failed += failed;
  total.skipped += skipped;
  console.log(`${step}: ${passed} passed, ${failed} failed, ${skipped} skipped (exit ${statusOf(step) ?? "not run"})`);
}
console.log(`${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`);
process.exitCode = total.failed === 0 ? 0 : COUNTED_FAULTS;
