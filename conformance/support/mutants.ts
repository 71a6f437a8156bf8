import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";
import ts from "typescript";

/** A wrong version of a simulator: a file, what stands in it (everywhere), and what shall stand there. */
export type Mutation = readonly [what: string, file: string, from: string, to: string];

const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), "../..");
/** What simulators can import. */
const PARTS = ["sim", "backends/program", "chips", "math", "diagnostics"];
/** A mutant that has not finished a case after so many milliseconds hangs, and is found. */
const PATIENCE = 10_000;

/** Judges one version of the simulator after the other: what the first case says that tells it from the right one. */
const worker = (judgeCase: string): string => `
import { parentPort, workerData } from "node:worker_threads";
import { isDeepStrictEqual } from "node:util";
const isRight = ${judgeCase};
const judge = async (url) => {
  const { createEvent } = await import(url);
  for (const [i, theCase] of workerData.entries()) {
    if (!isRight(createEvent, theCase, isDeepStrictEqual)) return "differs in case " + i;
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

/** A simulator `event`, compiled beside its mutants. */
export interface Mutable {
  /** Folder of the simulator below src, and the folder that the files of mutations are in, seen from it. */
  readonly simulator: string;
  readonly files: string;
  /**
   * A function as JavaScript, (createEvent, theCase, isDeepStrictEqual) => boolean: whether a version of the simulator does a case
   * right. It runs in a worker.
   */
  readonly isRight: string;
  /** They are posted to the worker. */
  readonly cases: readonly object[];
}

/** Strips the types of a source file. */
const compile = (text: string): string =>
  ts.transpileModule(text, { compilerOptions: { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022 } })
    .outputText;

/** The mutants that no case tells from the simulator. Throws where the simulator itself fails a case, or a mutation has nothing to change. */
export async function survivors(mutable: Mutable, mutations: readonly Mutation[]): Promise<string[]> {
  const folder = mkdtempSync(join(tmpdir(), "mutants-"));
  const judge = new Judge(join(folder, "worker.js"), mutable.cases);
  try {
    compileTree(folder, mutable.isRight);
    const event = join(folder, "src", mutable.simulator);
    const original = await judge.verdict(join(event, "index.js"));
    if (original !== "survives") throw new Error(`the simulator itself ${original}`);
    const found: string[] = [];
    for (const [i, [what, file, from, to]] of mutations.entries()) {
      const path = join(mutable.files, file);
      const text = readFileSync(join(ROOT, "src", mutable.simulator, path), "utf8");
      if (!text.includes(from)) throw new Error(`${what}: ${file} has no \`${from}\``);
      const copy = `${event}-${i}`;
      cpSync(event, copy, { recursive: true });
      writeFileSync(join(copy, path.replace(/\.ts$/, ".js")), compile(text.replaceAll(from, to)));
      if ((await judge.verdict(join(copy, "index.js"))) === "survives") found.push(what);
    }
    process.stdout.write(`${mutations.length} mutants of ${mutable.simulator}, ${found.length} survive\n`);
    return found;
  } finally {
    judge.end();
    rmSync(folder, { recursive: true });
  }
}

function compileTree(folder: string, isRight: string): void {
  symlinkSync(join(ROOT, "node_modules"), join(folder, "node_modules"));
  writeFileSync(join(folder, "package.json"), JSON.stringify({ type: "module" }));
  writeFileSync(join(folder, "worker.js"), worker(isRight));
  for (const part of PARTS) {
    for (const path of readdirSync(join(ROOT, "src", part), { recursive: true, encoding: "utf8" })) {
      const from = join(ROOT, "src", part, path);
      const to = join(folder, "src", part, path);
      mkdirSync(dirname(to), { recursive: true });
      if (path.endsWith(".ts")) writeFileSync(to.replace(/\.ts$/, ".js"), compile(readFileSync(from, "utf8")));
      else if (/\.(json|wasm)$/.test(path)) writeFileSync(to, readFileSync(from));
    }
  }
}
