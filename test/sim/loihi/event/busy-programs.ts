import type { LoihiProgram } from "../../../../src/backends/program/loihi/program.js";
import { Random } from "../../../support/random.js";
import { chip, DENSE, group, neuroCore, program, type Route } from "../build.js";

/**
 * Much traffic on small meshes: every neuron fires in every step, all times are a few equal units, so messages meet everywhere and
 * which of two goes first decides when others arrive.
 */
export function randomBusyProgram(seed: number): LoihiProgram {
  const random = new Random(seed);
  const mesh = {
    tilesX: random.int(1, 3),
    tilesY: random.int(1, 3),
    coresPerTile: random.int(1, 3),
    chipsX: random.int(1, 2),
    chipsY: random.int(1, 2),
    queueMessages: 1,
  };
  const places = random.shuffle(placesOf(mesh)).slice(0, 14);
  const perCore = places.map(() => random.int(1, 4));
  const description = chip({ mesh, time: randomTimes(random) });
  const cores = places.map((place, i) => {
    const compartments = perCore[i]!;
    const neurons = Array.from({ length: compartments }, (_, n) => n + sum(perCore.slice(0, i)));
    const lists = Array.from({ length: 4 }, (_, length) => ({
      format: 0,
      synapses: Array.from({ length }, () => ({ target: random.int(0, compartments - 1), weight: -1, delay: 1 })),
    }));
    return neuroCore({
      ...place,
      groups: [
        group(0, 0, neurons, { bias: neurons.map(() => random.int(100, 300)), threshold: neurons.map(() => 64) }),
      ],
      axons: lists.map((_, list) => [{ list, base: 0 }]),
      lists,
      routes: neurons.map(() => randomRoutes(random, places.length)),
    });
  });
  return program({ chip: description, timesteps: 3, populations: [[sum(perCore), 0]], cores });
}

/** Axon i of every core has i synapses: how long a message keeps an ingress depends on which it is. */
function randomRoutes(random: Random, cores: number): Route[] {
  const targets = random.shuffle(Array.from({ length: cores }, (_, core) => core)).slice(0, random.int(0, 5));
  return targets.map((core) => ({ core, axon: random.int(0, 3) }));
}

function randomTimes(random: Random): LoihiProgram["chip"]["time"] {
  const time = (): number => 10 * random.int(0, 2);
  const hop = (): number => 10 * random.int(1, 2);
  return {
    neuronAccess: time(),
    neuronUpdate: time(),
    spikeOut: time(),
    messageOut: time(),
    injection: time(),
    injectionHop: time(),
    link: time(),
    hopX: hop(),
    hopY: hop(),
    chipLink: time(),
    chipHop: hop(),
    messageIn: time(),
    synapse: { [DENSE.name]: 10 * random.int(1, 5) },
    hostInput: 0,
    attention: 0,
    barrier: { 1: 10, 2: 20, 4: 40 },
  };
}

interface Place {
  readonly tile: number;
  readonly slot: number;
}

function placesOf({ tilesX, tilesY, chipsX, chipsY, coresPerTile }: LoihiProgram["chip"]["mesh"]): Place[] {
  return Array.from({ length: tilesX * chipsX * tilesY * chipsY * coresPerTile }, (_, i) => ({
    tile: Math.floor(i / coresPerTile),
    slot: i % coresPerTile,
  }));
}

const sum = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0);
