import { describe, expect, it } from "vitest";
import { createBoth } from "./both.js";
import { longQueues } from "../../../src/sim/loihi/queues.js";
import { chip, group, neuroCore, program } from "./build.js";

/** Four neurons fire at once toward a core two tiles further; the first link is slow. */
function warningWith(queueMessages: number) {
  const neurons = [0, 1, 2, 3];
  const sender = neuroCore({
    tile: 0,
    slot: 0,
    groups: [group(0, 0, neurons, { bias: [1, 1, 1, 1] })],
    axons: [],
    lists: [],
    routes: neurons.map(() => [{ core: 1, axon: 0 }]),
  });
  const receiver = neuroCore({ tile: 2, slot: 0, groups: [group(1, 0, [0])], axons: [[]], lists: [], routes: [[]] });
  const simulated = program({
    chip: chip({ time: { link: 20, messageOut: 1 }, mesh: { queueMessages } }),
    timesteps: 1,
    populations: [
      [4, 0],
      [1, 0],
    ],
    cores: [sender, receiver],
  });
  return longQueues(simulated, createBoth(simulated).run(new Map()));
}

describe("queues", () => {
  it("that hold more than the chip has places for are named, longest first", () => {
    // Sent at 1, 2, 3, 4 and served every 20: three wait at the first link; they are at the second one apart.
    expect(warningWith(3)).toBeUndefined();
    const warning = warningWith(2);
    expect(warning).toMatchObject({ code: "sim/queue", severity: "warning" });
    expect(warning!.message).toContain("a queue held up to 3 messages, the chip has places for 2");
    expect(warning!.notes.map(({ message }) => message)).toEqual(["link from tile 0 to 1: 3 messages"]);
  });
});
