/**
 * The pickle machine, protocols 0 to 5, as a reader of data: names are looked up in an allow-list and nothing is called.
 * Opcodes: Lib/pickletools.py of Python 3.12.
 */
import { ByteCursor, corrupt, latin1, utf8, type Origin } from "./bytes.js";
import { frontendError } from "../diagnostics.js";
import { buildState, longInteger, narrow, reduceGlobal, resolveGlobal, type PickleContext } from "./pickle-globals.js";
import { describe, isKind, type PickleValue } from "./pickle-value.js";

/**
 * Bounds that no checkpoint reaches (a tensor costs about 30 opcodes and three objects) and that keep a
 * hostile pickle below a few hundred megabytes.
 */
const LIMITS = { opcodes: 4_000_000, objects: 500_000, elements: 8_000_000, integerBytes: 1024 } as const;

/** Turns a persistent id, such as `("storage", class, key, ...)`, into a value. */
export type PersistentLoad = (id: PickleValue, context: PickleContext) => PickleValue;

export interface PickleResult {
  readonly value: PickleValue;
  /** Where the pickle ends in the bytes given. */
  readonly end: number;
}

/** Reads one pickle at `start`. Throws `frontend/corrupt-file`, `frontend/pickle-refused` or `frontend/too-large`. */
export function readPickle(bytes: Uint8Array, origin: Origin, persistentLoad: PersistentLoad, start = 0): PickleResult {
  const machine = new PickleMachine(new ByteCursor(bytes, origin, start), persistentLoad);
  for (;;) {
    const done = machine.step();
    if (done !== undefined) return { value: done.value, end: machine.offset };
  }
}

/** The raw-unicode-escape coding of protocol 0. */
function unescape(text: string): string {
  return text.replace(/\\u([0-9a-fA-F]{4})/g, (_, hex: string) => String.fromCharCode(parseInt(hex, 16)));
}

class PickleMachine implements PickleContext {
  readonly #cursor: ByteCursor;
  readonly #persistentLoad: PersistentLoad;
  #stack: PickleValue[] = [];
  readonly #marks: PickleValue[][] = [];
  readonly #memo = new Map<number, PickleValue>();
  #opcodes = 0;
  #objects = 0;
  #elements = 0;

  constructor(cursor: ByteCursor, persistentLoad: PersistentLoad) {
    this.#cursor = cursor;
    this.#persistentLoad = persistentLoad;
  }

  get origin(): Origin {
    return this.#cursor.origin;
  }

  get offset(): number {
    return this.#cursor.offset;
  }

  spend(count: number): void {
    this.#elements += count;
    if (this.#elements > LIMITS.elements) throw this.#tooLarge(`copies more than ${LIMITS.elements} elements`);
  }

  #tooLarge(what: string) {
    return frontendError("too-large", `the pickle ${what}`, { location: { kind: "file", file: this.origin.file } });
  }

  #fault(expected: string, got?: string) {
    return corrupt(this.origin, this.offset, expected, got);
  }

  #pop(): PickleValue {
    const value = this.#stack.pop();
    if (value === undefined) throw this.#fault("a value on the pickle stack", "an empty stack");
    return value;
  }

  #top(): PickleValue {
    const value = this.#stack.at(-1);
    if (value === undefined) throw this.#fault("a value on the pickle stack", "an empty stack");
    return value;
  }

  /** Everything since the last mark. */
  #popMark(): PickleValue[] {
    const above = this.#stack;
    const below = this.#marks.pop();
    if (below === undefined) throw this.#fault("a mark on the pickle stack", "none");
    this.#stack = below;
    return above;
  }

  #countObject(): void {
    if (++this.#objects > LIMITS.objects) throw this.#tooLarge(`has more than ${LIMITS.objects} objects`);
  }

  #dictionary(): Map<PickleValue, PickleValue> {
    this.#countObject();
    return new Map();
  }

  #setItems(target: PickleValue, items: readonly PickleValue[]): void {
    if (!(target instanceof Map)) throw this.#fault("a dictionary to add to", describe(target));
    if (items.length % 2 !== 0) throw this.#fault("keys and values in pairs", `${items.length} values`);
    for (let i = 0; i < items.length; i += 2) target.set(items[i] ?? null, items[i + 1] ?? null);
  }

  #append(target: PickleValue, items: readonly PickleValue[]): void {
    if (!Array.isArray(target)) throw this.#fault("a list to append to", describe(target));
    for (const item of items) target.push(item);
  }

  #recall(index: number): PickleValue {
    const value = this.#memo.get(index);
    if (value === undefined) throw this.#fault("a memo that was stored", `memo ${index}`);
    return value;
  }

  #global(module: PickleValue, name: PickleValue): PickleValue {
    if (typeof module !== "string" || typeof name !== "string") {
      throw this.#fault("the names of a module and a class", `${describe(module)} and ${describe(name)}`);
    }
    return resolveGlobal(module, name, this.origin);
  }

  #call(callee: PickleValue, args: PickleValue): PickleValue {
    if (!isKind(callee, "global")) throw this.#fault("a class or function", describe(callee));
    if (!Array.isArray(args)) throw this.#fault("a tuple of arguments", describe(args));
    this.#countObject();
    return reduceGlobal(callee, args, this);
  }

  #text(length: number): string {
    const at = this.offset;
    return utf8(this.#cursor.take(length, "text"), this.origin, at);
  }

  #long(length: number): number | bigint {
    if (length < 0 || length > LIMITS.integerBytes)
      throw this.#fault(`an integer of at most ${LIMITS.integerBytes} bytes`, `${length}`);
    return longInteger(this.#cursor.take(length, "an integer"));
  }

  /** A decimal integer of protocol 0; `00` and `01` are the booleans. */
  #decimal(text: string): number | bigint | boolean {
    if (text === "00" || text === "01") return text === "01";
    const digits = text.replace(/L$/, "");
    if (!/^[+-]?\d{1,1000}$/.test(digits)) throw this.#fault("a decimal integer", `\`${text.slice(0, 20)}\``);
    return narrow(BigInt(digits));
  }

  #decimalIndex(): number {
    const value = this.#decimal(this.#cursor.line("a memo number"));
    if (typeof value !== "number") throw this.#fault("a memo number");
    return value;
  }

  #float(text: string): number {
    if (/^[+-]?(nan|inf)$/i.test(text)) return /nan/i.test(text) ? NaN : text.startsWith("-") ? -Infinity : Infinity;
    const value = text.trim() === "" ? NaN : Number(text);
    if (Number.isNaN(value)) throw this.#fault("a decimal number", `\`${text.slice(0, 20)}\``);
    return value;
  }

  #quoted(text: string): string {
    const quote = text[0];
    if ((quote !== "'" && quote !== '"') || text.length < 2 || !text.endsWith(quote))
      throw this.#fault("a quoted string");
    return text.slice(1, -1);
  }

  /** Executes one opcode; gives the result at the end of the pickle. */
  step(): { readonly value: PickleValue } | undefined {
    if (++this.#opcodes > LIMITS.opcodes) throw this.#tooLarge(`has more than ${LIMITS.opcodes} opcodes`);
    const cursor = this.#cursor;
    const at = cursor.offset;
    const opcode = cursor.u8("a pickle");
    switch (String.fromCharCode(opcode)) {
      case "\x80": {
        const protocol = cursor.u8("protocol");
        if (protocol > 5) throw corrupt(this.origin, at, "a pickle of protocol 0 to 5", `protocol ${protocol}`);
        return undefined;
      }
      case "\x95": // FRAME: only a hint for buffering
        cursor.take(8, "frame");
        return undefined;
      case ".":
        return { value: this.#pop() };

      // Stack and memo.
      case "(":
        this.#marks.push(this.#stack);
        this.#stack = [];
        return undefined;
      case "0":
        // POP right after a mark drops the mark.
        if (this.#stack.length === 0) this.#popMark();
        else this.#pop();
        return undefined;
      case "1":
        this.#popMark();
        return undefined;
      case "2":
        return this.#push(this.#top());
      case "p":
        this.#memo.set(this.#decimalIndex(), this.#top());
        return undefined;
      case "q":
        this.#memo.set(cursor.u8("memo"), this.#top());
        return undefined;
      case "r":
        this.#memo.set(cursor.u32("memo"), this.#top());
        return undefined;
      case "\x94":
        this.#memo.set(this.#memo.size, this.#top());
        return undefined;
      case "g":
        return this.#push(this.#recall(this.#decimalIndex()));
      case "h":
        return this.#push(this.#recall(cursor.u8("memo")));
      case "j":
        return this.#push(this.#recall(cursor.u32("memo")));

      // Scalars.
      case "N":
        return this.#push(null);
      case "\x88":
        return this.#push(true);
      case "\x89":
        return this.#push(false);
      case "I":
      case "L":
        return this.#push(this.#decimal(cursor.line("an integer")));
      case "J":
        return this.#push(cursor.i32("an integer"));
      case "K":
        return this.#push(cursor.u8("an integer"));
      case "M":
        return this.#push(cursor.u16("an integer"));
      case "\x8a":
        return this.#push(this.#long(cursor.u8("a length")));
      case "\x8b":
        return this.#push(this.#long(cursor.i32("a length")));
      case "F":
        return this.#push(this.#float(cursor.line("a number")));
      case "G":
        return this.#push(cursor.f64BigEndian("a number"));

      // Text and bytes.
      case "S":
        return this.#push(this.#quoted(cursor.line("a string")));
      case "T":
        return this.#push(latin1(cursor.take(cursor.u32("a length"), "text")));
      case "U":
        return this.#push(latin1(cursor.take(cursor.u8("a length"), "text")));
      case "V":
        return this.#push(unescape(cursor.line("text")));
      case "X":
        return this.#push(this.#text(cursor.u32("a length")));
      case "\x8c":
        return this.#push(this.#text(cursor.u8("a length")));
      case "\x8d":
        return this.#push(this.#text(cursor.size64("text")));
      case "B":
        return this.#push(cursor.take(cursor.u32("a length"), "bytes"));
      case "C":
        return this.#push(cursor.take(cursor.u8("a length"), "bytes"));
      case "\x8e":
      case "\x96":
        return this.#push(cursor.take(cursor.size64("bytes"), "bytes"));

      // Containers.
      case "]":
      case ")":
      case "\x8f":
        return this.#push([]);
      case "l":
      case "t":
      case "\x91":
        return this.#push(this.#popMark());
      case "\x85":
        return this.#pushTuple(1);
      case "\x86":
        return this.#pushTuple(2);
      case "\x87":
        return this.#pushTuple(3);
      case "}":
        return this.#push(this.#dictionary());
      case "d": {
        const items = this.#popMark();
        const map = this.#dictionary();
        this.#setItems(map, items);
        return this.#push(map);
      }
      case "a": {
        const item = this.#pop();
        this.#append(this.#top(), [item]);
        return undefined;
      }
      case "e":
      case "\x90": {
        const items = this.#popMark();
        this.#append(this.#top(), items);
        return undefined;
      }
      case "s": {
        const value = this.#pop();
        const key = this.#pop();
        this.#setItems(this.#top(), [key, value]);
        return undefined;
      }
      case "u": {
        const items = this.#popMark();
        this.#setItems(this.#top(), items);
        return undefined;
      }

      // Names and objects.
      case "c":
        return this.#push(this.#global(cursor.line("a module"), cursor.line("a name")));
      case "\x93": {
        const name = this.#pop();
        return this.#push(this.#global(this.#pop(), name));
      }
      case "R":
      case "\x81": {
        const args = this.#pop();
        return this.#push(this.#call(this.#pop(), args));
      }
      case "\x92": {
        this.#pop(); // keyword arguments
        const args = this.#pop();
        return this.#push(this.#call(this.#pop(), args));
      }
      case "i": {
        const callee = this.#global(cursor.line("a module"), cursor.line("a name"));
        return this.#push(this.#call(callee, this.#popMark()));
      }
      case "o": {
        const [callee = null, ...args] = this.#popMark();
        return this.#push(this.#call(callee, args));
      }
      case "b": {
        const state = this.#pop();
        buildState(this.#top(), state, this);
        return undefined;
      }
      case "P":
        return this.#push(this.#persistentLoad(cursor.line("a persistent id"), this));
      case "Q":
        return this.#push(this.#persistentLoad(this.#pop(), this));
      default:
        throw corrupt(this.origin, at, "a pickle opcode", `0x${opcode.toString(16).padStart(2, "0")}`);
    }
  }

  #push(value: PickleValue): undefined {
    this.#stack.push(value);
    return undefined;
  }

  #pushTuple(length: number): undefined {
    if (this.#stack.length < length) throw this.#fault(`${length} values on the pickle stack`, `${this.#stack.length}`);
    return this.#push(this.#stack.splice(-length));
  }
}
