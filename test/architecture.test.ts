import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, posix, sep } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import { describe, expect, it } from "vitest";

/** Who may import whom in src/ (the project's design, "Folders"). */

const SRC = join(dirname(fileURLToPath(import.meta.url)), "..", "src");

interface Import {
  /** Path below src/ such as `ir/net.ts`, or the name of a package. */
  readonly target: string;
  readonly internal: boolean;
  /** Erased by the compiler. */
  readonly typeOnly: boolean;
  readonly line: number;
}

interface SourceFile {
  /** Path below src/, with `/`. */
  readonly path: string;
  readonly imports: readonly Import[];
  /** Uses of the global `process` or `console`, or imports of their modules. */
  readonly hostUses: readonly { readonly name: string; readonly line: number }[];
  readonly text: string;
}

/** A part of src/ and what it may import beside itself. The first entry whose `part` matches a file decides. */
interface Rule {
  /** A folder, or a file. */
  readonly part: string;
  /** Folders (with `/` at the end) or files; or everything. */
  readonly may: readonly string[] | "everything";
  /** What it may import as types only. */
  readonly mayTypes?: readonly string[];
}

const BASE = ["math/", "diagnostics/"];
/** The interface, the host's part and the result type. */
const SHARED_BY_SIMULATORS = ["machine", "ports", "result"].map((file) => `sim/layerwise/${file}.ts`);
const PASS_INTERFACE = ["passes/pass.ts"];

const RULES: readonly Rule[] = [
  { part: "math/", may: [] },
  { part: "diagnostics/", may: [] },
  { part: "ir/", may: BASE },
  { part: "chips/", may: BASE },
  // A grid of crossbar cores is placed already: its importer has nothing to compile, and writes the program.
  { part: "frontend/ranc/", may: [...BASE, "frontend/"], mayTypes: ["chips/", "backends/program/loihi/"] },
  { part: "frontend/", may: [...BASE, "ir/"] },
  { part: "passes/", may: [...BASE, "ir/"] },
  { part: "tfjs/", may: [...BASE, "ir/"] },
  // A program is decoded by simulators, which run where nothing of ir/ can be loaded.
  { part: "backends/program/", may: [...BASE, "chips/"] },
  // Checks what the mapper made, so it may not see how.
  {
    part: "backends/loihi/check-mapping.ts",
    may: [...BASE, "ir/", "backends/program/", "backends/loihi/legal-net.ts"],
  },
  ...["layerwise", "loihi"].map((target) => ({
    part: `backends/${target}/`,
    may: [...BASE, "ir/", "chips/", "backends/program/", "backends/backend.ts", ...PASS_INTERFACE],
    mayTypes: ["passes/"],
  })),
  // The list of targets and their interface.
  { part: "backends/", may: [...BASE, "ir/", "chips/", "backends/", ...PASS_INTERFACE], mayTypes: ["passes/"] },
  // The two simulators of a chip check each other: neither may see the other's arithmetic or timing.
  ...["stepped", "event"].map((simulator) => ({
    part: `sim/layerwise/${simulator}/`,
    may: [
      ...BASE,
      "chips/",
      "backends/program/",
      "sim/diagnostics.ts",
      ...SHARED_BY_SIMULATORS,
      ...(simulator === "event" ? ["sim/kernels/", "sim/bell.ts", "sim/thread.ts"] : []),
    ],
  })),
  ...["stepped", "event"].map((simulator) => ({
    part: `sim/loihi/${simulator}/`,
    may: [...BASE, "chips/", "backends/program/", "sim/diagnostics.ts", "sim/loihi/result.ts"],
  })),
  { part: "sim/", may: [...BASE, "chips/", "backends/program/"] },
  // What the host computes around a step-by-step chip.
  { part: "host/", may: [...BASE, "ir/", "backends/program/", "frontend/"] },
  { part: "energy/", may: [...BASE, "ir/", "chips/", "sim/counters.ts"], mayTypes: ["sim/"] },
  {
    part: "report/",
    may: [...BASE, "chips/", "backends/program/", "energy/", "sim/counters.ts"],
    mayTypes: ["sim/", "validate/"],
  },
  { part: "validate/", may: "everything" },
  { part: "cli/", may: "everything" },
  { part: "index.ts", may: "everything" },
];

/** Files beside src/cli that may touch the host process, and why. */
const HOST_EXCEPTIONS: Readonly<Record<string, string>> = {
  "tfjs/host.ts": "silences TensorFlow's native library and removes the fault handlers that its loader adds",
};

function listSources(): readonly SourceFile[] {
  return readdirSync(SRC, { recursive: true, encoding: "utf8" })
    .filter((path) => path.endsWith(".ts"))
    .map((path) => path.split(sep).join("/"))
    .sort()
    .map(parse);
}

function parse(path: string): SourceFile {
  const text = readFileSync(join(SRC, path), "utf8");
  return { path, text, ...inspectSource(path, text) };
}

function inspectSource(path: string, text: string): Pick<SourceFile, "imports" | "hostUses"> {
  const source = ts.createSourceFile(path, text, ts.ScriptTarget.ES2022, true);
  const imports: Import[] = [];
  const hostUses: { name: string; line: number }[] = [];
  const lineOf = (node: ts.Node): number => source.getLineAndCharacterOfPosition(node.getStart()).line + 1;

  const addImport = (specifier: ts.Node | undefined, typeOnly: boolean): void => {
    if (specifier === undefined || !ts.isStringLiteralLike(specifier)) return;
    const name = specifier.text;
    const internal = name.startsWith(".");
    const target = internal ? posix.join(posix.dirname(path), name).replace(/\.js$/, ".ts") : name;
    imports.push({ target, internal, typeOnly, line: lineOf(specifier) });
    if (/^(node:)?(process|console)$/.test(name)) hostUses.push({ name, line: lineOf(specifier) });
  };

  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node)) {
      const clause = node.importClause;
      const named = clause?.namedBindings;
      const onlyTypes =
        clause !== undefined &&
        (clause.phaseModifier === ts.SyntaxKind.TypeKeyword ||
          (clause.name === undefined &&
            named !== undefined &&
            ts.isNamedImports(named) &&
            named.elements.length > 0 &&
            named.elements.every((element) => element.isTypeOnly)));
      addImport(node.moduleSpecifier, onlyTypes);
    } else if (ts.isExportDeclaration(node)) {
      addImport(node.moduleSpecifier, node.isTypeOnly);
    } else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) {
      addImport(node.argument.literal, true);
    } else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
      addImport(node.arguments[0], false);
    } else if (ts.isIdentifier(node) && (node.text === "process" || node.text === "console") && isGlobal(node)) {
      hostUses.push({ name: node.text, line: lineOf(node) });
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return { imports, hostUses };
}

/** Whether an identifier is a value of its own and not the name of a member, such as `stage.process`. */
function isGlobal(node: ts.Identifier): boolean {
  const { parent } = node;
  if (ts.isPropertyAccessExpression(parent)) {
    if (parent.expression === node) return true;
    return ts.isIdentifier(parent.expression) && parent.expression.text === "globalThis";
  }
  if (ts.isPropertyAssignment(parent)) return parent.initializer === node;
  const member =
    ts.isPropertySignature(parent) ||
    ts.isPropertyDeclaration(parent) ||
    ts.isMethodDeclaration(parent) ||
    ts.isMethodSignature(parent);
  return !member;
}

const isIn = (path: string, part: string): boolean => (part.endsWith("/") ? path.startsWith(part) : path === part);

/** The faults of one file: one line per import that its folder may not have. */
function illegalImports({ path, imports }: Pick<SourceFile, "path" | "imports">): readonly string[] {
  const rule = RULES.find(({ part }) => isIn(path, part));
  if (rule === undefined) return [`src/${path} is in no known folder; add a rule for it`];
  const { part, may, mayTypes = [] } = rule;
  if (may === "everything") return [];
  return imports
    .filter(({ internal }) => internal)
    .filter(({ target, typeOnly }) => {
      const allowed = [part, ...may, ...(typeOnly ? mayTypes : [])];
      return !allowed.some((other) => isIn(target, other));
    })
    .map(({ target, line }) => {
      const list = [...may.map((m) => `src/${m}`), ...mayTypes.map((m) => `types of src/${m}`)];
      const allowed = list.length === 0 ? "nothing else of src/" : `only ${list.join(", ")}`;
      return `src/${path}:${line} imports src/${target}; src/${part} may import ${allowed}`;
    });
}

const files = listSources();
const byPath = new Map(files.map((file) => [file.path, file]));

describe("imports in src/", () => {
  it("are those that the folder of a file may have", () => {
    expect(files.length).toBeGreaterThan(0);
    expect(files.flatMap(illegalImports)).toEqual([]);
  });

  it("never lead from a simulator to the IR at run time", () => {
    const found: string[] = [];
    const seen = new Set<string>();
    const follow = (file: SourceFile, trail: readonly string[]): void => {
      if (seen.has(file.path)) return;
      seen.add(file.path);
      const here = [...trail, `src/${file.path}`];
      if (file.path.startsWith("ir/")) found.push(here.join(" -> "));
      for (const { internal, typeOnly, target } of file.imports) {
        const next = internal && !typeOnly ? byPath.get(target) : undefined;
        if (next !== undefined) follow(next, here);
      }
    };
    for (const file of files) if (file.path.startsWith("sim/")) follow(file, []);
    expect(found).toEqual([]);
  });

  it("never lead from one backend to another", () => {
    const targetOf = (path: string): string | undefined => /^backends\/([^/]+)\//.exec(path)?.[1];
    const found = files.flatMap(({ path, imports }) => {
      const from = targetOf(path);
      if (from === undefined) return [];
      return imports
        .filter(({ internal, target }) => internal && ![undefined, from, "program"].includes(targetOf(target)))
        .map(({ target, line }) => `src/${path}:${line} imports src/${target}, another backend`);
    });
    expect(found).toEqual([]);
  });

  it("are relative paths with a .js suffix, inside src/", () => {
    const outside = files.flatMap(({ path, imports }) =>
      imports
        .filter(({ internal, target }) => internal && (target.startsWith("..") || !/\.(ts|json)$/.test(target)))
        .map(({ target, line }) => `src/${path}:${line} imports ${target}`),
    );
    expect(outside).toEqual([]);
  });
});

describe("the host process", () => {
  it("is touched by src/cli only", () => {
    const found = files
      .filter(({ path }) => !path.startsWith("cli/") && HOST_EXCEPTIONS[path] === undefined)
      .flatMap(({ path, hostUses }) =>
        hostUses.map(({ name, line }) => `src/${path}:${line} uses ${name}; only src/cli prints, exits or reads it`),
      );
    expect(found).toEqual([]);
  });

  it("has no exception that is no longer needed", () => {
    const idle = Object.keys(HOST_EXCEPTIONS).filter((path) => (byPath.get(path)?.hostUses.length ?? 0) === 0);
    expect(idle).toEqual([]);
  });
});

describe("the optional package @tensorflow/tfjs-node", () => {
  it("is mentioned in one file", () => {
    const mentioning = files.filter(({ text }) => text.includes("@tensorflow/tfjs-node")).map(({ path }) => path);
    expect(mentioning).toEqual(["tfjs/native.ts"]);
  });
});

describe("the rules themselves", () => {
  const faults = (path: string, text: string): readonly string[] =>
    illegalImports({ path, ...inspectSource(path, text) });

  it.each([
    ["math/grid.ts", 'import { Report } from "../diagnostics/index.js";'],
    ["ir/op.ts", 'import type { Chip } from "../chips/index.js";'],
    ["sim/layerwise/run.ts", 'import { evaluate } from "../../ir/index.js";'],
    ["backends/loihi/index.ts", 'import { tile } from "../layerwise/tile.js";'],
    ["backends/program/file.ts", 'import type { Net } from "../../ir/index.js";'],
    ["backends/loihi/check-mapping.ts", 'import { listBits } from "./map/formats.js";'],
    ["passes/block-time.ts", 'const chip = await import("../chips/index.js");'],
    ["energy/estimate.ts", 'import { run } from "../sim/layerwise/index.js";'],
    ["frontend/nir/read.ts", 'export * from "../../passes/index.js";'],
    ["chips/layerwise.ts", 'type Op = import("../ir/op.js").Op;'],
    ["sim/counters.ts", 'import "../cli/output.js";'],
    ["sim/layerwise/event/fire.ts", 'import { fire } from "../stepped/fire.js";'],
    ["sim/layerwise/stepped/fire.ts", 'import { firePlain } from "../../kernels/fire.js";'],
    ["sim/layerwise/stepped/index.ts", 'import { createEvent } from "../index.js";'],
    ["sim/loihi/event/update.ts", 'import { RULES } from "../stepped/rules.js";'],
    ["sim/loihi/stepped/rules.ts", 'import { updateLoihi } from "../../../ir/ops/loihi-update.js";'],
    ["sim/loihi/stepped/mesh.ts", 'import { route } from "../event/mesh.js";'],
    ["sim/loihi/stepped/index.ts", 'import { createEvent } from "../index.js";'],
  ])("find a fault in %s: %s", (path, text) => {
    const found = faults(path, text);
    expect(found).toHaveLength(1);
    expect(found[0]).toContain(`src/${path}:1 imports src/`);
  });

  it.each([
    ["energy/estimate.ts", 'import type { Counters } from "../sim/layerwise/index.js";'],
    ["backends/loihi/legalize.ts", 'import { definePass } from "../../passes/pass.js";'],
    ["sim/layerwise/run.ts", 'import { decode } from "../../backends/program/index.js";'],
    ["cli/main.ts", 'import { evaluate } from "../ir/index.js";'],
    ["ir/ops/lif.ts", 'import { z } from "zod";\nimport { fixed } from "../../math/index.js";'],
  ])("find none in %s: %s", (path, text) => {
    expect(faults(path, text)).toEqual([]);
  });

  it("tell the process from members of that name", () => {
    const uses = (text: string): number => inspectSource("ir/a.ts", text).hostUses.length;
    expect(uses("stage.process(x); type A = { console: string };")).toBe(0);
    expect(uses("process.exit(1);")).toBe(1);
    expect(uses("globalThis.console.log(1);")).toBe(1);
    expect(uses("const log = { to: console };")).toBe(1);
    expect(uses('import { exit } from "node:process";')).toBe(1);
  });
});
