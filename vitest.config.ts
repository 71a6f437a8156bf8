import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    // Kernels are compiled again when their sources changed: a test must not see those of yesterday.
    globalSetup: ["scripts/build-kernels.js"],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    pool: "forks",
  },
});
