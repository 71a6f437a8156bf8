import type { LayerwiseChip } from "../../../chips/layerwise.js";
import { wordBytes } from "../../../chips/layerwise.js";
import { Report } from "../../../diagnostics/index.js";
import { netTimesteps, valueTypes, type Net } from "../../../ir/index.js";
import type { CostModel, Schedule, ScheduleCost, ScheduleGroup } from "../../../passes/cost-model.js";
import type { CostOptions, OnChipMemory, Prices } from "../../backend.js";
import { isOnChip, mostHeld } from "../../program/held.js";
import { MEMORIES } from "../../program/instruction.js";
import { layOut, planGroup, planGroups, type PlannedGroup } from "../compile.js";
import { crossingValues, sameLayout } from "../groups.js";
import { LowerContext, ProgramParts } from "../lower/context.js";
import { lowerNet } from "../lower/index.js";
import { regionsOf } from "../regions.js";
import type { FeatureMap } from "../stage.js";
import { timingOf } from "../timing.js";
import { assignTokens } from "../tokens.js";
import { NetFacts } from "../values.js";
import { measuredActivity, uniformActivity, type Activity } from "./activity.js";
import { withContention } from "./contention.js";
import { signatureOf } from "./signature.js";
import { timelineOf } from "./timeline.js";
import { workOf, type Work } from "./work.js";

/**
 * Costs of groups on a chip. A group is laid out as the compiler would, with tiles, spills and weight loads; each instruction is
 * given its expected cycles ({@link workOf}) and the instructions their beginnings and ends ({@link timelineOf}). No data is
 * moved and no cycle is stepped.
 */
export class LayerwiseCosts implements CostModel, OnChipMemory {
  /** How values lie that are maps wherever they are made; others exist only inside an instruction or the counters. */
  private readonly maps: ReadonlyMap<string, FeatureMap>;
  private readonly known = new Map<string, ScheduleCost | undefined>();
  private readonly timesteps: number;
  /** Inputs come timestep by timestep, not once for the sample. */
  private readonly streamed: boolean;

  constructor(
    private readonly net: Net,
    private readonly chip: LayerwiseChip,
    private readonly activity: Activity,
    private readonly prices: Prices,
  ) {
    this.timesteps = netTimesteps(net);
    this.streamed = net.inputs.some(({ type }) => type.time.count > 1);
    this.maps = valueMaps(net, chip);
  }

  canCut(at: number): boolean {
    return crossingValues(this.net, at).every((value) => this.maps.has(value));
  }

  canJoin(at: number, before: number, after: number): boolean {
    return crossingValues(this.net, at).every((value) => {
      const map = this.maps.get(value);
      return map !== undefined && sameLayout(map, [before, after], this.timesteps, this.chip.parallelTimesteps);
    });
  }

  /** Groups of the same ops on values that lie and behave the same cost the same: blocks of a model are laid out once. */
  cost(group: ScheduleGroup): ScheduleCost | undefined {
    const key = signatureOf(this.net, group, (value) => this.maps.get(value), this.activity);
    if (this.known.has(key)) return this.known.get(key);
    const parts = new ProgramParts();
    const planned = planGroup(this.net, this.chip, group, parts, (value) => this.maps.get(value), new Report());
    const cost = planned && this.costOf([planned], parts);
    this.known.set(key, cost);
    return cost;
  }

  /** A whole schedule as one program; undefined where it cannot run. Weights of a group may be loaded before the last one ends. */
  total(schedule: Schedule): ScheduleCost | undefined {
    const parts = new ProgramParts();
    const planned = planGroups(this.net, this.chip, schedule, parts, new Report());
    return planned && this.costOf(planned, parts);
  }

  /** As of {@link OnChipMemory}: what the compiled program will hold. */
  mostOnChip(schedule: Schedule): number | undefined {
    const parts = new ProgramParts();
    const groups = planGroups(this.net, this.chip, schedule, parts, new Report());
    if (groups === undefined) return undefined;
    const regions = regionsOf(groups, parts.regions, layOut(this.net, groups, this.chip, parts), this.chip);
    return mostHeld(regions.filter(isOnChip), this.chip).peak;
  }

  /** Why a group cannot run. */
  explain(group: ScheduleGroup, report: Report): void {
    planGroup(this.net, this.chip, group, new ProgramParts(), (value) => this.maps.get(value), report);
  }

  private costOf(groups: readonly PlannedGroup[], parts: ProgramParts): ScheduleCost {
    const { chip, activity, prices } = this;
    const { drafts } = layOut(this.net, groups, chip, parts).placed;
    const works = drafts.map((draft) => workOf(draft, chip, activity));
    const { instructions, tokens } = assignTokens(drafts, chip);
    const unhindered = timelineOf(instructions, works, tokens, chip);
    const { cycles, ends } = timelineOf(
      instructions,
      withContention(instructions, works, unhindered, chip),
      tokens,
      chip,
    );
    const sum = (of: (work: Work) => number): number => works.reduce((total, work) => total + of(work), 0);
    const dramBytes = sum((work) => work.bursts) * chip.dram.burstBytes;
    let joules = dramBytes * 8 * prices.dramBit;
    for (const name of MEMORIES) {
      joules += sum((work) => work.accesses[name]) * wordBytes(chip, name) * 8 * prices.sramBit[name];
    }
    for (const name of ["ac", "mac", "kv", "qa", "add"] as const) {
      joules += sum((work) => work.events[name]) * prices.events[name];
    }
    // The last time block of the first group waits for the last input; what belongs to earlier ones can be over by then.
    const lastBlock = this.streamed ? (groups[0]?.timing.blocks.length ?? 1) - 1 : 0;
    let before = 0;
    for (const [i, { epoch }] of drafts.entries()) {
      if (epoch !== undefined && epoch < lastBlock) before = Math.max(before, ends[i] ?? 0);
    }
    return { cycles, joules, dramBytes, latency: cycles - before };
  }
}

/** The cost model of a net, with activity as assumed or measured. */
export function layerwiseCosts(net: Net, chip: LayerwiseChip, { activity, prices }: CostOptions): LayerwiseCosts {
  const how = typeof activity === "number" ? uniformActivity(activity) : measuredActivity(net, activity);
  return new LayerwiseCosts(net, chip, how, prices);
}

/** How the values lie that have a map of their own name, in a layout with one group; also the inputs. */
function valueMaps(net: Net, chip: LayerwiseChip): ReadonlyMap<string, FeatureMap> {
  const timesteps = netTimesteps(net);
  const timing = timingOf(timesteps, timesteps, chip.parallelTimesteps);
  const context = new LowerContext(new NetFacts(net, timing), chip, new Report());
  lowerNet(context);
  const maps = new Map<string, FeatureMap>();
  for (const [value, { time }] of valueTypes(net)) {
    const map = context.mapOf(value);
    if (map?.name === value && (time.period === 1 || time.count === 1)) maps.set(value, map);
  }
  return maps;
}
