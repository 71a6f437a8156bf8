import { LOIHI } from "../backends/index.js";
import type { LoihiProgram } from "../backends/program/loihi/program.js";
import type { LoihiChip } from "../chips/index.js";
import { internalError, Report } from "../diagnostics/index.js";
import { Host, writeHostNet } from "../host/index.js";
import type { LoihiProfile } from "../ir/index.js";
import { LOIHI_SIMULATORS, type LoihiRunResult } from "../sim/loihi/index.js";
import { countsText } from "./loihi-rungs.js";
import type { NeuronCase } from "./neuron-case.js";
import { StateTally, stateRung, type LayerStates, type StateAgreement } from "./neuron-states.js";
import { reload } from "./on-chip.js";
import type { Rung } from "./rung.js";
import { firstDifference } from "./simulators.js";
import { runStepped } from "./stepped-run.js";

/** A recorded case of integer neurons on a step-by-step chip: every u, v and spike at the end of every timestep. */

/** The chip with neurons that compute as the recording's tool does, under a name that says so; all else is its own. */
export function withProfile(chip: LoihiChip, profile: LoihiProfile): LoihiChip {
  const { numerics, sources } = chip;
  if (numerics.profile === profile) return chip;
  return {
    ...chip,
    name: `${chip.name} with profile ${profile}`,
    numerics: { ...numerics, profile },
    sources: { ...sources, "numerics.profile": `that of the recording; of \`${chip.name}\`: ${numerics.profile}` },
  };
}

/** The rungs of a case on a chip, which computes as the recording's tool does. What the chip cannot hold is a skipped rung. */
export function neuronChipRungs(chip: LoihiChip, recorded: NeuronCase): readonly Rung[] {
  const deployed = deployCase(chip, recorded);
  if ("program" in deployed) return programRungs(deployed.program, recorded);
  return [{ name: rungName(deployed.chip, "compiled"), status: "skipped", detail: deployed.reason, layers: [] }];
}

type DeployedCase = { readonly program: LoihiProgram } | { readonly chip: LoihiChip; readonly reason: string };

/** The case's net legalised and mapped, through the program file; or why the chip cannot have it. */
export function deployCase(chip: LoihiChip, { network, net }: NeuronCase): DeployedCase {
  if (chip.numerics.profile === "truenorth") {
    return { chip, reason: `its cores are crossbars, the neurons follow profile ${network.profile}` };
  }
  const own = withProfile(chip, network.profile);
  const report = new Report();
  const deployed = LOIHI.compile(net, own, { writeHost: writeHostNet }, report);
  if (deployed !== undefined) return { program: reload(deployed.program) };
  const [error] = report.errors;
  if (error === undefined) throw internalError("a net was refused without a reason");
  return { chip: own, reason: [error.message, ...(error.hint === undefined ? [] : [error.hint])].join("; ") };
}

/** A program of the case's net by both simulators against the recording, and these against each other in all that they say. */
export function programRungs(program: LoihiProgram, recorded: NeuronCase): readonly Rung[] {
  const options = { record: true, states: true };
  const given = new Host(program).before(new Map([["x", recorded.input]]), new Map());
  const event = LOIHI_SIMULATORS.event(program).run(given, options);
  const against = (result: LoihiRunResult): StateAgreement => chipAgainstRecording(program, result, recorded);
  const first = stateRung(rungName(program.chip, "event"), recorded, against(event), countsText(program, [event]));
  const name = rungName(program.chip, "stepped");
  const run = runStepped(program, given, event, options);
  if ("skipped" in run) return [first, { name, status: "skipped", detail: run.skipped, layers: [] }];
  const difference = firstDifference(run.fast, run.plain);
  const facts = `step times, counts and queues as in event; ${run.times}`;
  const fault = difference === undefined ? undefined : `event: ${difference}`;
  return [first, stateRung(name, recorded, against(run.plain), fault === undefined ? facts : run.times, fault)];
}

const rungName = (chip: LoihiChip, what: string): string => `chip ${chip.name}, ${what}`;

/** Every recorded state against that of the population of its layer, in the population's local time. */
function chipAgainstRecording(program: LoihiProgram, result: LoihiRunResult, recorded: NeuronCase): StateAgreement {
  const { layers, timesteps } = recorded.network;
  const runs = layers.map(({ name, neurons }): ((timestep: number) => LayerStates) => {
    const population = program.populations.find(({ layer }) => program.layers[layer]!.name === name);
    const states = population && result.states?.get(population.name);
    const spikes = result.spikes?.get(name);
    if (states === undefined || spikes?.length !== timesteps * neurons) {
      throw internalError(`the chip's run holds no states of \`${name}\``);
    }
    const { u, v } = states;
    const at = <T extends Int32Array | Uint8Array>(values: T, t: number) =>
      values.subarray(t * neurons, (t + 1) * neurons);
    return (timestep) => ({ u: at(u, timestep), v: at(v, timestep), spikes: at(spikes, timestep) });
  });
  const tally = new StateTally(recorded);
  for (let t = 0; t < timesteps; t++) {
    runs.forEach((states, layer) => tally.compare(layer, t, states(t), t === 0 ? undefined : states(t - 1)));
  }
  return tally.finish();
}
