import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { Report } from "../src/diagnostics/index.js";
import { readCheckpointFile } from "../src/frontend/formats/index.js";
import { elements } from "../src/math/tensor.js";
import { hasShared, needShared, SHARED } from "./support/shared.js";

const GOLDEN = join(SHARED, "golden");
const CASES = hasShared()
  ? readdirSync(GOLDEN).filter((name) => existsSync(join(GOLDEN, name, "model.pth")))
  : ["every recorded checkpoint"];

describe("checkpoints of the official training scripts are read, whatever their architecture", () => {
  it.for(CASES)("%s", (name, context) => {
    const report = new Report();
    const checkpoint = readCheckpointFile(join(needShared(context), "golden", name, "model.pth"), report);
    expect(report.diagnostics).toEqual([]);
    const tensors = [...(checkpoint?.tensors.values() ?? [])];
    expect(tensors.length).toBeGreaterThan(0);
    for (const { shape, data } of tensors) expect(data.length).toBe(elements(shape));
  });
});
