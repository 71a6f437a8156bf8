import { describe, expect, it } from "vitest";
import { createStepped } from "../src/sim/layerwise/index.js";
import { createStepped as createSteppedLoihi } from "../src/sim/loihi/stepped/index.js";
import { Random } from "../test/backends/layerwise/nets.js";
import { logged } from "../test/sim/layerwise/event/equality.js";
import { firstBurstProgram } from "../test/sim/layerwise/event/first-burst.js";
import { randomMachine } from "../test/sim/layerwise/event/random-chip.js";
import { randomProgram } from "../test/sim/layerwise/event/random-program.js";
import { randomCase } from "../test/sim/loihi/event/random-case.js";
import { watched } from "../test/sim/loihi/watched.js";
import { LOIHI_MUTATIONS } from "./support/loihi-mutations.js";
import { survivors } from "./support/mutants.js";
import { MUTATIONS } from "./support/mutations.js";
import { FULL } from "./support/shared.js";

/*
 * Does the comparison of event with stepped notice a wrong simulator? Costs, tie-breaks and rules of event are changed in turn;
 * programs and chips of the random tests must tell each mutant from stepped. Takes a minute or more: --full only.
 */

const PROGRAMS = 120;
const LOIHI_PROGRAMS = 520;

/** Short runs first. */
function layerwiseCases() {
  const programs = Array.from({ length: PROGRAMS }, (_, i) => {
    const random = new Random((i + 1) * 7919);
    const chip = randomMachine(random);
    return randomProgram(random, chip, random.int(10, 40));
  });
  return [firstBurstProgram(), ...programs]
    .map((program) => ({ program, expected: logged(createStepped(program), new Map(), { record: true }) }))
    .sort((a, b) => a.expected.result.cycles - b.expected.result.cycles);
}

const IS_RIGHT = `(createEvent, { program, expected }, isDeepStrictEqual) => {
  const log = [];
  const onInstruction = (engine, index, issued, ended) => log.push(engine + " " + index + ": " + issued + ".." + ended);
  const result = createEvent(program).run(new Map(), { record: true, onInstruction, maxCycles: 2 * expected.result.cycles });
  return isDeepStrictEqual({ result, log }, expected);
}`;

function loihiCases() {
  const cases = Array.from({ length: LOIHI_PROGRAMS }, (_, i) => randomCase(i));
  return cases.map(({ program, inputs }) => ({
    program,
    inputs,
    expected: watched(createSteppedLoihi(program), inputs, { record: true, states: true }),
  }));
}

/** Twice, so that what a sample leaves behind is found. */
const IS_RIGHT_LOIHI = `(createEvent, { program, inputs, expected }, isDeepStrictEqual) => {
  const machine = createEvent(program);
  const run = () => {
    const steps = [];
    const result = machine.run(inputs, { record: true, states: true, onStep: (times) => steps.push(times) });
    return { result, steps };
  };
  return isDeepStrictEqual(run(), expected) && isDeepStrictEqual(run(), expected);
}`;

describe.runIf(FULL)("mutants of event", () => {
  it("of the layer-by-layer chip are all found", { timeout: 7_200_000 }, async () => {
    const simulator = { simulator: "sim/layerwise/event", files: "timing", isRight: IS_RIGHT, cases: layerwiseCases() };
    expect(await survivors(simulator, MUTATIONS)).toEqual([]);
  });

  it("of the step-by-step chip are all found", { timeout: 7_200_000 }, async () => {
    const simulator = { simulator: "sim/loihi/event", files: "", isRight: IS_RIGHT_LOIHI, cases: loihiCases() };
    expect(await survivors(simulator, LOIHI_MUTATIONS)).toEqual([]);
  });
});
