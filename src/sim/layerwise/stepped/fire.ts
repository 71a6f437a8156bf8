import { CHARGE_RULES, type InstructionFor } from "../../../backends/program/instruction.js";
import { packBits } from "./bits.js";
import { SPIKE, UPDATE } from "./counts.js";
import { BUSY, PORT, type Hardware } from "./hardware.js";
import { Neurons } from "./neurons.js";
import { ParameterRegister } from "./weight-words.js";

const THRESHOLDS = 0;
const GAINS = 1;
const READ_V = 2;
const READ_U = 3;
const STEP = 4;
const WRITE_V = 5;
const WRITE_U = 6;
const WRITE_SPIKES = 7;
const END = 8;

const CUBA = CHARGE_RULES.indexOf("cuba");

/** Charge, compare and reset of one channel block of neurons, position by position. */
export class FireEngine {
  ended = false;
  private readonly neurons: Neurons;
  /** 0/1 per lane, for each timestep of the spike word. */
  private readonly spikes: Uint8Array;
  private granted = false;
  private phase = END;
  private layer = 0;
  private current = 0;
  private currentStride = 0;
  private currentStepStride = 0;
  private slots = 0;
  private positions = 0;
  private lanesUsed = 0;
  private state = 0;
  private uMap = 0;
  private stateRead = false;
  private stateWrite = false;
  private cuba = false;
  private thresholds = 0;
  private gains = 0;
  /** Thresholds, then gains, as they come in, and how many words of them have. */
  private readonly parameter: ParameterRegister;
  private words = 0;
  private output = 0;
  private outputStride = 0;
  private firstStep = 0;
  private steps = 0;
  private recordPosition = 0;
  private recordChannel = 0;
  private position = 0;
  private step = 0;

  constructor(private readonly hardware: Hardware) {
    this.neurons = new Neurons(hardware.lanes);
    this.parameter = new ParameterRegister(hardware, 32);
    this.spikes = new Uint8Array(hardware.lanes * hardware.parallelTimesteps);
  }

  start({ layer, fields: f }: InstructionFor<"fire">): void {
    this.ended = false;
    this.layer = layer;
    this.current = f.current;
    this.currentStride = f.currentStride;
    this.currentStepStride = f.currentStepStride;
    this.slots = f.slots;
    this.positions = f.positions;
    this.lanesUsed = f.lanesUsed;
    this.state = f.state;
    this.uMap = f.state + f.positions * f.outputStride;
    this.stateRead = f.stateRead === 1;
    this.stateWrite = f.stateWrite === 1;
    this.cuba = f.rule === CUBA;
    this.thresholds = f.thresholds;
    this.gains = f.gains;
    this.output = f.output;
    this.outputStride = f.outputStride;
    this.firstStep = f.firstStep;
    this.steps = f.steps;
    this.recordPosition = f.recordPosition;
    this.recordChannel = f.recordBlock * this.hardware.lanes;
    this.position = this.step = this.words = 0;
    this.spikes.fill(0);
    this.neurons.start(f);
    this.phase = f.thresholds >= 0 ? THRESHOLDS : this.afterThresholds();
  }

  private afterThresholds(): number {
    return this.gains >= 0 ? GAINS : this.firstOfPosition();
  }

  private firstOfPosition(): number {
    this.step = 0;
    if (this.stateRead) return READ_V;
    this.neurons.reset();
    return STEP;
  }

  request(): number {
    this.granted = this.ask();
    return this.granted ? BUSY : PORT;
  }

  private ask(): boolean {
    const { spike, weight, data } = this.hardware.memories;
    const at = this.position * this.outputStride;
    switch (this.phase) {
      case THRESHOLDS:
        return weight.askRead(this.thresholds + this.words, this.layer);
      case GAINS:
        return weight.askRead(this.gains + this.words, this.layer);
      case READ_V:
        return data.askRead(this.state + at, this.layer);
      case READ_U:
        return data.askRead(this.uMap + at, this.layer);
      case STEP:
        return this.slots === 1 && this.step > 0 ? true : data.askRead(this.currentWord(), this.layer);
      case WRITE_V:
        return data.askWrite(this.state + at, this.layer);
      case WRITE_U:
        return data.askWrite(this.uMap + at, this.layer);
      default:
        return spike.askWrite(this.output + at, this.layer);
    }
  }

  private currentWord(): number {
    return (
      this.current + this.position * this.currentStride + (this.slots === 1 ? 0 : this.step) * this.currentStepStride
    );
  }

  /** Second phase, but for writes. */
  commit(): void {
    if (!this.granted) return;
    const { lanes, memories } = this.hardware;
    const { data } = memories;
    const at = this.position * this.outputStride;
    switch (this.phase) {
      case THRESHOLDS:
        if (!this.takeWord(this.thresholds)) break;
        this.neurons.setThresholds(this.parameter.i32, this.parameter.f32);
        this.phase = this.afterThresholds();
        break;
      case GAINS:
        if (!this.takeWord(this.gains)) break;
        this.neurons.setGains(this.parameter.f32);
        this.phase = this.firstOfPosition();
        break;
      case READ_V:
        this.neurons.loadV(data.i32, (this.state + at) * lanes);
        this.phase = this.cuba ? READ_U : STEP;
        break;
      case READ_U:
        this.neurons.loadU(data.i32, (this.uMap + at) * lanes);
        this.phase = STEP;
        break;
      case STEP:
        this.fireStep();
        break;
      default:
        return;
    }
    this.granted = false;
  }

  /** Takes the next word of the parameter at `address`; whether it was the last one. */
  private takeWord(address: number): boolean {
    this.parameter.take(this.words, address + this.words);
    this.words = (this.words + 1) % this.parameter.words;
    return this.words === 0;
  }

  private fireStep(): void {
    const { lanes, memories, counts, recorder } = this.hardware;
    const { data } = memories;
    if (this.slots !== 1 || this.step === 0) {
      this.neurons.loadCurrent(data.i32, this.currentWord() * lanes);
    }
    const to = this.step * lanes;
    const n = this.lanesUsed;
    const timestep = this.firstStep + this.step;
    const observe = recorder.observer(this.layer);
    const before = observe === undefined ? undefined : this.neurons.potentials(n);
    this.neurons.charge(n);
    const charged = observe === undefined ? undefined : this.neurons.potentials(n);
    const fired = this.neurons.fire(n, this.spikes, to);
    counts.add(this.layer, UPDATE, timestep, n);
    counts.add(this.layer, SPIKE, timestep, fired);
    const position = this.recordPosition + this.position;
    recorder.note(this.layer, timestep, position, this.recordChannel, this.spikes, to, n);
    if (observe !== undefined && before !== undefined && charged !== undefined) {
      observe({
        layer: this.layer,
        timestep,
        position,
        channel: this.recordChannel,
        input: this.neurons.currents(n),
        before,
        charged,
        threshold: this.neurons.thresholds(n),
        spikes: this.spikes.slice(to, to + n),
        after: this.neurons.potentials(n),
      });
    }
    if (++this.step === this.steps) this.phase = this.stateWrite ? WRITE_V : WRITE_SPIKES;
  }

  /** Second phase of a write. */
  write(): void {
    if (!this.granted) return;
    const { lanes, memories } = this.hardware;
    const { spike, data } = memories;
    const at = this.position * this.outputStride;
    if (this.phase === WRITE_V) {
      this.neurons.storeV(data.i32, (this.state + at) * lanes);
      this.phase = this.cuba ? WRITE_U : WRITE_SPIKES;
    } else if (this.phase === WRITE_U) {
      this.neurons.storeU(data.i32, (this.uMap + at) * lanes);
      this.phase = WRITE_SPIKES;
    } else {
      packBits(this.spikes, spike.wordBytes, spike.u8, (this.output + at) * spike.wordBytes);
      this.position++;
      this.ended = this.position === this.positions;
      this.phase = this.ended ? END : this.firstOfPosition();
    }
  }
}
