/** How long the queue of one server gets in a step: docs/loihi-chip.md, section 3. Messages join in the order in which they start. */
export class WaitingLine {
  /** Messages that joined. */
  length = 0;
  /** Longest queue so far. */
  peak = 0;
  /** The first message that counts at the last arrival. */
  private first = 0;
  private arrivals = new Float64Array(0);
  private starts = new Float64Array(0);

  /** Makes room for so many messages. */
  reserve(messages: number): void {
    if (this.starts.length >= messages) return;
    this.arrivals = new Float64Array(2 * messages);
    this.starts = new Float64Array(2 * messages);
  }

  /** Another server, whose longest queue was `peak` before this step. */
  open(peak: number): void {
    this.length = 0;
    this.first = 0;
    this.peak = peak;
  }

  /**
   * At an arrival there count those that start later, and those that arrive and start right then; as starts never decrease, these
   * are all from one message on. A queue is longest when the last message of an instant has arrived, so others of that instant do no harm.
   */
  join(arrival: number, start: number): void {
    const { arrivals, starts } = this;
    const message = this.length++;
    arrivals[message] = arrival;
    starts[message] = start;
    let { first } = this;
    while (starts[first]! < arrival || (starts[first]! === arrival && arrivals[first]! < arrival)) first++;
    this.first = first;
    if (message - first >= this.peak) this.peak = message - first + 1;
  }
}
