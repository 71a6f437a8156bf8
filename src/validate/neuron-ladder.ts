import type { LoihiChip } from "../chips/index.js";
import type { NeuronCase } from "./neuron-case.js";
import { neuronChipRungs } from "./neuron-chip.js";
import { replayNeurons } from "./neuron-replay.js";
import { stateRung } from "./neuron-states.js";
import type { Rung } from "./rung.js";

/** The rungs of a recorded case of integer neurons: the evaluator, then the same net on each chip. */
export function runNeuronLadder(
  recorded: NeuronCase,
  chips: readonly LoihiChip[],
  onRung: (rung: Rung) => void = () => {},
): readonly Rung[] {
  const rungs: Rung[] = [];
  const add = (rung: Rung): void => {
    rungs.push(rung);
    onRung(rung);
  };
  add(importRung(recorded));
  for (const forced of [true, false]) add(replayRung(recorded, forced));
  for (const chip of chips) neuronChipRungs(chip, recorded).forEach(add);
  return rungs;
}

function importRung({ network, net }: NeuronCase): Rung {
  const sizes = [network.layers[0]?.inputs, ...network.layers.map(({ neurons }) => neurons)].join("-");
  const detail = `${network.profile}, ${net.ops.length} ops, ${sizes} neurons, ${network.timesteps} timesteps`;
  return { name: "import", status: "passed", detail, layers: [] };
}

function replayRung(recorded: NeuronCase, forced: boolean): Rung {
  const name = `recorded, ${forced ? "teacher-forced" : "free-running"}`;
  const facts = `layer inputs: ${forced ? "recorded" : "computed"}`;
  return stateRung(name, recorded, replayNeurons(recorded, recorded.net, { forced }), facts);
}
