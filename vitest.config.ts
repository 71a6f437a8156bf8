import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    // Kernels are compiled again when their sources changed: a test must not see those of yesterday.
    globalSetup: ["scripts/build-kernels.js"],
    // Loaded machines are slow; what hangs is found all the same.
    testTimeout: 240_000,
    hookTimeout: 240_000,
    pool: "forks",
  },
});
