/**
 * The instructions of the layer-by-layer chip, each defined once as data: encoder, decoder, validation and documentation
 * derive from this table. What the engines do with them, cycle by cycle, is docs/layerwise-chip.md.
 *
 * Addresses are words of the named memory; DRAM addresses are bytes. A feature map lies position by position, and within a
 * position channel block by channel block (`lanes` channels per word).
 */

export const ENGINES = ["load", "accumulate", "fire", "attend", "vector", "store"] as const;
export type EngineName = (typeof ENGINES)[number];

/** On-chip memories. A spike word holds `lanes` channels x P timesteps as bits, a weight word `lanes` weights, a data word `lanes` values of 32 bits. */
export const MEMORIES = ["spike", "weight", "data"] as const;
export type MemoryName = (typeof MEMORIES)[number];

/** Number format of a data word: f32, or two's complement i32. */
export const FORMATS = ["real", "int"] as const;

export const CHARGE_RULES = ["divide", "multiply", "decay-then-add", "integrate", "cuba", "decay", "shift"] as const;

/** What `score-tokens` measures; the cues of the op `tokens.score`. */
export const TOKEN_CUES = ["rate", "first-spike", "interval", "sparta"] as const;

/** One numeric field: an integer in min..max (default 0..2^31-1), or any finite double where `real` is set. */
export interface Field {
  readonly doc: string;
  readonly min?: number;
  readonly max?: number;
  readonly real?: true;
}

const field = (doc: string): Field => ({ doc });
const flag = (doc: string): Field => ({ doc, max: 1 });
const real = (doc: string): Field => ({ doc, real: true });
const choice = (doc: string, of: readonly string[]): Field => ({ doc: `${doc}: ${of.join(", ")}`, max: of.length - 1 });
/** -1 where absent. */
const optional = (doc: string): Field => ({ doc, min: -1 });
const positive = (doc: string): Field => ({ doc, min: 1 });

const TRANSFER = {
  memory: choice("which memory", MEMORIES),
  address: field("first word in the memory"),
  stride: field("words from one chunk to the next in the memory"),
  dram: field("first byte in DRAM, a multiple of the burst"),
  dramStride: field("bytes from one chunk to the next in DRAM, a multiple of the burst"),
  words: positive("words per chunk"),
  chunks: positive("number of chunks"),
} as const;

/** A window over an input map of which only the rows from `firstRow` on lie at `input`. */
const WINDOW = {
  input: field("word of (firstRow, 0, block 0) of the input map"),
  height: positive("rows of the whole input map"),
  width: positive("columns of the input map"),
  firstRow: field("first input row that is present at `input`"),
  blocks: positive("channel blocks per input position"),
  kernel: positive("side of the window"),
  stride: positive("step of the window"),
  padding: field("positions outside the map"),
  outRow: field("first output row of this tile"),
  outRows: positive("output rows of this tile"),
  outWidth: positive("output columns"),
} as const;

/** Destination of one channel block of a tile: position p of the tile goes to output + p * outputStride. */
const OUTPUT = {
  output: field("word of the tile's first position"),
  outputStride: positive("words from one position to the next"),
} as const;

const STEPS = {
  firstStep: field("global timestep of the first step, for attribution"),
  steps: positive("timesteps of this group, at most P"),
} as const;

/** The timesteps of a decision about tokens: they may begin within a spike word and reach over several groups. */
const DECISION = {
  bit: field("first timestep within the words of the first group"),
  timesteps: positive("timesteps of the decision"),
} as const;

/** Scores of `lanes` tokens per data word, written once for each timestep that they hold for. */
const SCORES = {
  output: field("data word of the first tokens"),
  copies: positive("timesteps for which the scores are written"),
  outputStepStride: field("words from one timestep to the next"),
  ...STEPS,
} as const;

const WEIGHTED = {
  ...WINDOW,
  channels: positive("input channels"),
  weights: field("weight word of row 0; row (ky * kernel + kx) * channels + c"),
  parameters: field(
    "first weight word of the grid exponents (i32); their words are followed by those of the bias mantissas (f64)",
  ),
  lanesUsed: positive("output channels of this block"),
  ...OUTPUT,
  outputStepStride: field("words from one timestep to the next"),
  format: choice("format of the currents; int: (sum + bias) * 2^-exponent, rounded half to even", FORMATS),
  resultBits: { doc: "int: width at which currents saturate; 0: they never do", max: 32 },
  ...STEPS,
} as const;

export const INSTRUCTIONS = {
  /** DRAM to memory. */
  load: { engine: "load", doc: "copy chunks of words from DRAM into a memory", fields: TRANSFER },
  /** Memory to DRAM. */
  store: { engine: "store", doc: "copy chunks of words from a memory to DRAM", fields: TRANSFER },
  accumulate: {
    engine: "accumulate",
    doc: "weighted sums of spikes or counts: for each position of the tile, one row of weights per set bit",
    fields: {
      ...WEIGHTED,
      planes: positive("bit planes of the input; 1 for spikes"),
      planeStride: field("words from one plane to the next"),
    },
  },
  multiply: {
    engine: "accumulate",
    doc: "weighted sums of real or integer inputs: for each position of the tile, one row of weights per non-zero value",
    fields: {
      ...WEIGHTED,
      inputFormat: choice("format of the inputs", FORMATS),
      inputStepStride: field("words from one timestep of the input to the next"),
      slots: positive("1 where the input holds over the group (one sum, one output word), else `steps`"),
    },
  },
  fire: {
    engine: "fire",
    doc: "charge, compare and reset one channel block of neurons over the timesteps of a group",
    fields: {
      current: field("data word of the first position's current"),
      currentStride: field("words from one position to the next"),
      currentStepStride: field("words from one timestep to the next"),
      slots: positive("1 where one current drives all timesteps of the group, else `steps`"),
      format: choice("format of currents and potentials", FORMATS),
      positions: positive("number of positions"),
      lanesUsed: positive("neurons per position in this block"),
      state: optional("data word of the first position's potential, or -1: never stored"),
      stateRead: flag("1: potentials are read at the start; 0: they start at v0"),
      stateWrite: flag("1: potentials are written back at the end"),
      rule: choice("charge rule", CHARGE_RULES),
      a: real("first argument of the charge rule"),
      b: real("second argument of the charge rule"),
      vTh: real("threshold of all neurons, where thresholds is -1"),
      vReset: real("potential after a hard reset"),
      v0: real("potential before the first timestep"),
      thresholds: optional("first weight word of one threshold per lane (32 bits, in the currents' format), or -1"),
      gains: optional("first weight word of one rule argument per lane (f32), or -1"),
      gt: flag("1: fires where h > v_th; 0: where h >= v_th"),
      soft: flag("1: soft reset; 0: hard"),
      stateBits: { doc: "integer potentials: width, sign included", min: 2, max: 32 },
      fractionBits: { doc: "integer currents are shifted left by this on entry", max: 30 },
      wrap: flag("integer potentials: 1 wraps, 0 saturates"),
      ...OUTPUT,
      ...STEPS,
      recordPosition: field("index of the first position in the layer's map, for recording"),
      recordBlock: field("channel block in the layer's map, for recording"),
    },
  },
  "attend-kv": {
    engine: "attend",
    doc: "K^T V of one head into the counters, over some timesteps of a group",
    fields: {
      keys: field("spike word of position 0, block 0 of k"),
      values: field("spike word of position 0, block 0 of v"),
      blocks: positive("channel blocks per position"),
      positions: positive("tokens"),
      head: field("which head"),
      headDim: positive("channels per head, d"),
      clear: flag("1: the counters start at zero (first group of a chunk)"),
      bit: field("first timestep within the spike words"),
      ...STEPS,
    },
  },
  "attend-q": {
    engine: "attend",
    doc: "Q times the counters of one head, over some timesteps of a group",
    fields: {
      queries: field("spike word of position 0, block 0 of q"),
      blocks: positive("channel blocks per position"),
      positions: positive("tokens"),
      head: field("which head"),
      headDim: positive("channels per head, d"),
      bit: field("first timestep within the spike words"),
      scale: real("sigma"),
      sequential: flag(
        "1: counters are scaled and rounded first, then added in f32 in ascending order; 0: exact, then scaled",
      ),
      output: field("data word of position 0, block 0 at the first timestep"),
      outputStride: positive("words from one position to the next"),
      outputStepStride: field("words from one timestep to the next"),
      format: choice("format of the result; int requires scale 1 and exact", FORMATS),
      ...STEPS,
    },
  },
  /** Data words: y = a + b. */
  add: {
    engine: "vector",
    doc: "sum of two data maps, word by word: f32, or i32",
    fields: {
      a: field("data word of a"),
      b: field("data word of b"),
      aStepStride: field("words from one timestep of a to the next; 0 where it holds"),
      bStepStride: field("words from one timestep of b to the next; 0 where it holds"),
      words: positive("words per timestep"),
      format: choice("format", FORMATS),
      aShift: { doc: "int: a is shifted left by this", max: 31 },
      bShift: { doc: "int: b is shifted left by this", max: 31 },
      resultBits: { doc: "int: width at which sums saturate; 0: they never do", max: 32 },
      output: field("data word"),
      outputStepStride: field("words from one timestep to the next"),
      ...STEPS,
    },
  },
  "pool-max": {
    engine: "vector",
    doc: "maximum over a window of a data map, every channel block",
    fields: {
      ...WINDOW,
      ...OUTPUT,
      format: choice("format", FORMATS),
      inputStepStride: field("words per input timestep"),
      outputStepStride: field("words per output timestep"),
      ...STEPS,
    },
  },
  "pool-or": {
    engine: "vector",
    doc: "OR over a window of a spike map, every channel block, all timesteps of the words at once",
    fields: { ...WINDOW, ...OUTPUT, ...STEPS },
  },
  "pool-plane": {
    engine: "vector",
    doc: "OR over the (token, channel-in-head) plane of a spike map, stride 1",
    fields: {
      input: field("spike word of position 0, block 0"),
      positions: positive("tokens"),
      blocks: positive("channel blocks per position"),
      channels: positive("channels"),
      headDim: positive("channels per head"),
      kernel: positive("odd side of the window"),
      output: field("spike word of position 0, block 0"),
      ...STEPS,
    },
  },
  and: {
    engine: "vector",
    doc: "AND of two spike maps, word by word; b may be one position, broadcast",
    fields: {
      a: field("spike word of a"),
      b: field("spike word of b"),
      blocks: positive("channel blocks per position"),
      positions: positive("positions"),
      bStride: field("words from one position of b to the next; 0 broadcasts"),
      output: field("spike word"),
      ...STEPS,
    },
  },
  "add-planes": {
    engine: "vector",
    doc: "sum of two count maps in bit planes: outPlanes = max(aPlanes, bPlanes) + 1",
    fields: {
      a: field("spike word of a, plane 0"),
      aPlanes: positive("bit planes of a"),
      aPlaneStride: field("words from one plane of a to the next"),
      b: field("spike word of b, plane 0"),
      bPlanes: positive("bit planes of b"),
      bPlaneStride: field("words from one plane of b to the next"),
      words: positive("words per plane"),
      output: field("spike word, plane 0"),
      outputPlaneStride: field("words from one output plane to the next"),
      ...STEPS,
    },
  },
  "sum-positions": {
    engine: "vector",
    doc: "per-channel count of the set bits of a spike map over all positions, every channel block",
    fields: {
      input: field("spike word of position 0, block 0"),
      positions: positive("positions"),
      blocks: positive("channel blocks per position"),
      output: field("data word of block 0"),
      outputStepStride: field("words from one timestep to the next"),
      format: choice("format of the counts", FORMATS),
      ...STEPS,
    },
  },
  "mean-positions": {
    engine: "vector",
    doc: "mean over all positions of a data map, every channel block: double sum, double division, one rounding; int: the sum",
    fields: {
      format: choice("format; int: the sum is not divided", FORMATS),
      input: field("data word of position 0, block 0"),
      inputStepStride: field("words from one timestep to the next"),
      positions: positive("positions"),
      blocks: positive("channel blocks per position"),
      output: field("data word of block 0"),
      outputStepStride: field("words from one timestep to the next"),
      ...STEPS,
    },
  },
  "mean-steps": {
    engine: "vector",
    doc: "mean over timesteps of a data map: double sum in ascending order, double division, one rounding; int: the sum",
    fields: {
      format: choice("format; int: the sum is not divided", FORMATS),
      input: field("data word at the first timestep"),
      inputStepStride: field("words from one timestep to the next"),
      meanOf: positive("number of timesteps"),
      words: positive("words per timestep"),
      output: field("data word"),
      ...STEPS,
    },
  },
  "score-tokens": {
    engine: "vector",
    doc: "one f32 score per token by the rate or timing of its spikes",
    fields: {
      input: field("spike word of position 0, block 0 in the first group"),
      groupStride: field("words from one group to the next"),
      positions: positive("tokens"),
      blocks: positive("channel blocks per position"),
      channels: positive("channels"),
      ...DECISION,
      cue: choice("cue", TOKEN_CUES),
      alpha: real("sparta: weight of early first spikes"),
      beta: real("sparta: weight of short intervals"),
      gamma: real("sparta: weight of high rates"),
      ...SCORES,
    },
  },
  "score-kv": {
    engine: "vector",
    doc: "one f32 score per token: what its keys and values add to K^T V",
    fields: {
      keys: field("spike word of position 0, block 0 of k in the first group"),
      keyGroupStride: field("words from one group of k to the next"),
      values: field("spike word of position 0, block 0 of v in the first group"),
      valueGroupStride: field("words from one group of v to the next"),
      positions: positive("tokens"),
      blocks: positive("channel blocks per position"),
      channels: positive("channels"),
      headDim: positive("channels per head"),
      ...DECISION,
      ...SCORES,
    },
  },
  "top-k": {
    engine: "vector",
    doc: "a mask of the tokens with the largest scores, floor to keep of them, for the timesteps of a decision; other bits of the words stay",
    fields: {
      scores: field("data word of the first tokens"),
      tokens: positive("tokens"),
      keep: positive("most tokens in the mask"),
      floor: positive("fewest; further ones must reach `share`. floor = keep: exactly as many"),
      share: real("how far from the smallest score to the largest a token beyond the floor must reach, 0 to 1"),
      strict: flag("1: more than `keep` tokens that reach `share` stop the run; 0: the best stay"),
      ...DECISION,
      output: field("spike word of the first tokens in the first group"),
      groupStride: field("words from one group to the next"),
      ...STEPS,
    },
  },
  "mask-tokens": {
    engine: "vector",
    doc: "a spike map AND one mask bit per position and timestep",
    fields: {
      a: field("spike word of the first position, block 0"),
      mask: field("spike word of the mask of tokens 0 to lanes - 1"),
      token: field("token of the first position"),
      blocks: positive("channel blocks per position"),
      positions: positive("positions"),
      output: field("spike word of the first position, block 0"),
      ...STEPS,
    },
  },
  "mask-data": {
    engine: "vector",
    doc: "a data map with zeros where the mask bit of its position and timestep is 0, word by word",
    fields: {
      a: field("data word of the first position, block 0, at the first timestep"),
      aStepStride: field("words from one timestep of a to the next; 0 where it holds"),
      mask: field("spike word of the mask of tokens 0 to lanes - 1"),
      token: field("token of the first position"),
      blocks: positive("channel blocks per position"),
      positions: positive("positions"),
      output: field("data word of the first position, block 0, at the first timestep"),
      outputStepStride: field("words from one timestep to the next"),
      ...STEPS,
    },
  },
  convert: {
    engine: "vector",
    doc: "f32 to integers, clamp(round half even(x * 2^-exp), lo, hi), or integers to f32, x * 2^exp rounded once; word by word",
    fields: {
      input: field("data word at the first timestep"),
      inputStepStride: field("words from one timestep to the next"),
      words: positive("words per timestep"),
      format: choice("format of the result", FORMATS),
      exp: { doc: "unit of the integers: 2^exp", min: -64, max: 64 },
      lo: { doc: "to int: smallest integer", min: -(2 ** 31) },
      hi: { doc: "to int: largest integer", min: -(2 ** 31) },
      output: field("data word at the first timestep"),
      outputStepStride: field("words from one timestep to the next"),
      ...STEPS,
    },
  },
} as const satisfies Readonly<
  Record<string, { engine: EngineName; doc: string; fields: Readonly<Record<string, Field>> }>
>;

export type Opcode = keyof typeof INSTRUCTIONS;
export const OPCODES = Object.keys(INSTRUCTIONS) as readonly Opcode[];

/** Waits consume tokens before an instruction starts, signals produce them when it ends. */
export interface TokenUse {
  readonly token: number;
  readonly count: number;
}

export type FieldsOf<O extends Opcode> = { readonly [F in keyof (typeof INSTRUCTIONS)[O]["fields"]]: number };

interface InstructionOf<O extends Opcode> {
  readonly op: O;
  /** Index into the program's layers, for attribution of events. */
  readonly layer: number;
  readonly fields: FieldsOf<O>;
  readonly waits: readonly TokenUse[];
  readonly signals: readonly TokenUse[];
}

/** One instruction; a union by `op`. */
export type Instruction = { [O in Opcode]: InstructionOf<O> }[Opcode];
export type InstructionFor<O extends Opcode> = Extract<Instruction, { readonly op: O }>;

export function engineOf(op: Opcode): EngineName {
  return INSTRUCTIONS[op].engine;
}
