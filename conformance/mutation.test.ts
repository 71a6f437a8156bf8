import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";
import ts from "typescript";
import { afterAll, describe, expect, it } from "vitest";
import { createStepped } from "../src/sim/layerwise/index.js";
import { Random } from "../test/backends/layerwise/nets.js";
import { logged } from "../test/sim/layerwise/event/equality.js";
import { firstBurstProgram } from "../test/sim/layerwise/event/first-burst.js";
import { randomMachine } from "../test/sim/layerwise/event/random-chip.js";
import { randomProgram } from "../test/sim/layerwise/event/random-program.js";
import { MUTATIONS } from "./support/mutations.js";
import { FULL } from "./support/shared.js";

/*
 * Does the comparison of event with stepped notice a wrong clock? Every cost and tie-break under event/timing is changed in turn;
 * programs and chips of the random test must tell each mutant from stepped. Takes a minute or more: --full only.
 */

const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), "..");
const TIMING = join(ROOT, "src/sim/layerwise/event/timing");
const PROGRAMS = 120;
/** A mutant that has not finished a program after so many milliseconds hangs, and is found. */
const PATIENCE = 10_000;

/** Judges one version of the simulator after the other: what the first program says that tells it from stepped. */
const WORKER = `
import { parentPort, workerData } from "node:worker_threads";
import { isDeepStrictEqual } from "node:util";
const judge = async (url) => {
  const { createEvent } = await import(url);
  for (const [i, { program, expected }] of workerData.entries()) {
    const log = [];
    const onInstruction = (engine, index, issued, ended) => log.push(engine + " " + index + ": " + issued + ".." + ended);
    const result = createEvent(program).run(new Map(), { record: true, onInstruction, maxCycles: 2 * expected.result.cycles });
    if (!isDeepStrictEqual({ result, log }, expected)) return "differs in program " + i;
    parentPort.postMessage("goes on");
  }
  return "survives";
};
parentPort.on("message", (url) =>
  judge(url).catch((error) => "fails: " + error.message).then((verdict) => parentPort.postMessage(verdict)));
`;

/** A worker that judges; a new one takes the place of one that hangs. */
class Judge {
  private worker: Worker | undefined;
  private timer: NodeJS.Timeout | undefined;
  private done: (verdict: string) => void = () => {};

  constructor(
    private readonly script: string,
    private readonly cases: readonly object[],
  ) {}

  verdict(url: string): Promise<string> {
    const worker = (this.worker ??= this.start());
    return new Promise((done) => {
      this.done = done;
      this.timer = setTimeout(() => this.finish("hangs", false), PATIENCE);
      worker.postMessage(url, []);
    });
  }

  private start(): Worker {
    const worker = new Worker(this.script, { workerData: this.cases });
    worker.on("message", (text: string) => (text === "goes on" ? this.timer?.refresh() : this.finish(text, true)));
    worker.on("error", (error: Error) => this.finish(`fails: ${error.message}`, false));
    return worker;
  }

  private finish(verdict: string, alive: boolean): void {
    clearTimeout(this.timer);
    if (!alive) this.end();
    this.done(verdict);
  }

  end(): void {
    this.worker?.removeAllListeners();
    void this.worker?.terminate();
    this.worker = undefined;
  }
}

describe.runIf(FULL)("mutants of the clock of event", () => {
  const folder = mkdtempSync(join(tmpdir(), "mutants-"));
  afterAll(() => rmSync(folder, { recursive: true }));

  /** Strips the types of a source file. */
  const compile = (text: string): string =>
    ts.transpileModule(text, { compilerOptions: { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022 } })
      .outputText;

  const compileTree = (): void => {
    symlinkSync(join(ROOT, "node_modules"), join(folder, "node_modules"));
    writeFileSync(join(folder, "package.json"), JSON.stringify({ type: "module" }));
    writeFileSync(join(folder, "worker.js"), WORKER);
    for (const part of ["sim", "backends/program", "chips", "math", "diagnostics"]) {
      for (const path of readdirSync(join(ROOT, "src", part), { recursive: true, encoding: "utf8" })) {
        const from = join(ROOT, "src", part, path);
        const to = join(folder, "src", part, path);
        mkdirSync(dirname(to), { recursive: true });
        if (path.endsWith(".ts")) writeFileSync(to.replace(/\.ts$/, ".js"), compile(readFileSync(from, "utf8")));
        else if (/\.(json|wasm)$/.test(path)) writeFileSync(to, readFileSync(from));
      }
    }
  };

  /** A copy of event/ with one file changed. */
  const write = (file: string, text: string, index: number): string => {
    const event = join(folder, "src/sim/layerwise/event");
    const copy = join(folder, `src/sim/layerwise/event-${index}`);
    cpSync(event, copy, { recursive: true });
    writeFileSync(join(copy, "timing", file.replace(/\.ts$/, ".js")), compile(text));
    return join(copy, "index.js");
  };

  const programs = () =>
    Array.from({ length: PROGRAMS }, (_, i) => {
      const random = new Random((i + 1) * 7919);
      const chip = randomMachine(random);
      return randomProgram(random, chip, random.int(10, 40));
    });

  /** Short runs first. */
  const cases = () =>
    [firstBurstProgram(), ...programs()]
      .map((program) => ({ program, expected: logged(createStepped(program), new Map(), { record: true }) }))
      .sort((a, b) => a.expected.result.cycles - b.expected.result.cycles);

  it("are all found", { timeout: 7_200_000 }, async () => {
    compileTree();
    const judge = new Judge(join(folder, "worker.js"), cases());
    expect(await judge.verdict(join(folder, "src/sim/layerwise/event/index.js"))).toBe("survives");
    const survivors: string[] = [];
    for (const [i, [what, file, from, to]] of MUTATIONS.entries()) {
      const text = readFileSync(join(TIMING, file), "utf8");
      expect(text.includes(from), `${what}: ${file} has \`${from}\``).toBe(true);
      const verdict = await judge.verdict(write(file, text.replaceAll(from, to), i));
      if (verdict === "survives") survivors.push(what);
    }
    judge.end();
    process.stdout.write(`${MUTATIONS.length} mutants, ${survivors.length} survive\n`);
    expect(survivors).toEqual([]);
  });
});
