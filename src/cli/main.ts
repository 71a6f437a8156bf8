#!/usr/bin/env node
import { EXIT } from "./command.js";
import { main } from "./program.js";

// A reader that goes away, such as `| head`, is no error.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit(EXIT.fine);
  throw error;
});
await main(process.argv.slice(2));
