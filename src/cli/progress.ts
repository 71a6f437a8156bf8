import { Presets, SingleBar } from "cli-progress";
import type { Io } from "./command.js";

/** A progress bar on stderr with rate and remaining time, on terminals only, for anything longer than a second. */
export class Progress {
  private bar: SingleBar | undefined;
  private total = 0;
  private done = 0;
  private started = 0;
  private what = "";

  constructor(private readonly io: Io) {}

  start(total: number, what: string): void {
    this.total = total;
    this.what = what;
    this.done = 0;
    this.started = performance.now();
  }

  step(): void {
    this.done++;
    const seconds = (performance.now() - this.started) / 1000;
    if (this.bar === undefined && process.stderr.isTTY && seconds > 1) {
      const format = `{bar} {value}/{total} ${this.what}, {rate}/s, {eta_formatted} left`;
      this.bar = new SingleBar(
        { format, stream: process.stderr, clearOnComplete: true, hideCursor: false },
        Presets.rect,
      );
      this.bar.start(this.total, this.done, { rate: "" });
    }
    this.bar?.update(this.done, { rate: (this.done / seconds).toFixed(1) });
  }

  stop(): void {
    this.bar?.stop();
    this.bar = undefined;
  }

  /** A line for people about what happens now. */
  say(text: string): void {
    this.io.err(text);
  }
}
