import { visitWords } from "../../../src/backends/layerwise/word-accesses.js";
import type { Instruction } from "../../../src/backends/program/instruction.js";
import type { MemoryRegion, Program, RegionPlace } from "../../../src/backends/program/program.js";
import { wordBytes } from "../../../src/chips/layerwise.js";

/** Which region each word (byte of DRAM) belongs to while the instructions go by, in the plainest way. */
class Owners {
  private readonly owners: Readonly<Record<RegionPlace, Int32Array>>;

  constructor(private readonly program: Program) {
    const { chip, dramBytes } = program;
    const words = (place: "spike" | "weight" | "data"): Int32Array =>
      new Int32Array(chip.memories[place].bytes / wordBytes(chip, place)).fill(-1);
    const dram = new Int32Array(dramBytes).fill(-1);
    this.owners = { spike: words("spike"), weight: words("weight"), data: words("data"), dram };
  }

  at(place: RegionPlace, word: number): MemoryRegion | undefined {
    return this.program.regions[this.owners[place][word] ?? -1];
  }

  /** What stands in the way of a region that begins to live. */
  take({ place, address, size }: MemoryRegion, index: number): MemoryRegion | undefined {
    const words = this.owners[place].subarray(address, address + size);
    if (words.length < size) throw new Error(`region ${index} ends outside ${place} memory`);
    const other = words.find((owner) => owner !== -1);
    words.fill(index);
    return other === undefined ? undefined : this.program.regions[other];
  }

  give({ place, address, size }: MemoryRegion): void {
    this.owners[place].fill(-1, address, address + size);
  }
}

const lists = ({ instructions }: Program): number[][] => instructions.map(() => []);

/**
 * Faults of a program's table of regions: regions of one memory that overlap while both live, words that an instruction touches
 * outside all living regions, and instructions that find something else than what they are for.
 */
export function regionFaults(program: Program): readonly string[] {
  const owners = new Owners(program);
  const faults: string[] = [];
  const [born, dying] = [lists(program), lists(program)];
  for (const [index, { first, last }] of program.regions.entries()) {
    born[first]!.push(index);
    dying[last]!.push(index);
  }
  for (const [i, instruction] of program.instructions.entries()) {
    for (const index of born[i]!) {
      const region = program.regions[index]!;
      const other = owners.take(region, index);
      if (other !== undefined)
        faults.push(`${region.kind} ${region.name} and ${other.kind} ${other.name} overlap at ${i}`);
    }
    const burst = program.chip.dram.burstBytes;
    visitWords(instruction, program.chip, (space, word) => {
      const at = space === "dram" ? word * burst : word;
      if (owners.at(space, at) === undefined)
        faults.push(`${i} (${instruction.op}) touches ${space} ${at}, which is nobody's`);
    });
    faults.push(...misread(instruction, owners).map((fault) => `${i} (${instruction.op}): ${fault}`));
    for (const index of dying[i]!) owners.give(program.regions[index]!);
  }
  return [...new Set(faults)].slice(0, 20);
}

function misread(instruction: Instruction, owners: Owners): readonly string[] {
  const expected = (place: RegionPlace, word: number, kinds: readonly string[], layer?: number): string[] => {
    const region = owners.at(place, word);
    if (region === undefined || (kinds.includes(region.kind) && [undefined, region.layer].includes(layer))) return [];
    return [`${place} ${word} holds ${region.kind} ${region.name} of layer ${region.layer}`];
  };
  const { layer } = instruction;
  switch (instruction.op) {
    case "accumulate":
    case "multiply": {
      const { weights, parameters, output } = instruction.fields;
      const pieces = [owners.at("weight", weights)?.name, owners.at("weight", parameters)?.name];
      return [
        ...expected("weight", weights, ["weights"], layer),
        ...expected("weight", parameters, ["parameters"], layer),
        ...(pieces[0] === pieces[1] ? [] : [`weights of ${pieces[0]}, parameters of ${pieces[1]}`]),
        ...expected("data", output, ["streams", "buffers"], layer),
      ];
    }
    case "fire": {
      const { state, current, output, thresholds } = instruction.fields;
      return [
        ...(state < 0 ? [] : expected("data", state, ["potentials"], layer)),
        ...(thresholds < 0 ? [] : expected("weight", thresholds, ["parameters"])),
        ...expected("data", current, ["streams", "buffers"]),
        ...expected("spike", output, ["spikes", "buffers"], layer),
      ];
    }
    case "attend-kv":
      return [instruction.fields.keys, instruction.fields.values].flatMap((word) =>
        expected("spike", word, ["spikes", "buffers"]),
      );
    default:
      return [];
  }
}
