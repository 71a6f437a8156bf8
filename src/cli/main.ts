#!/usr/bin/env node
import { EXIT } from "./exit.js";
import { main } from "./program.js";

// A reader that goes away, such as `| head`, is no error; a full disk is one of the input.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit(EXIT.fine);
  process.stderr.write(`error[cli/cannot-write]: cannot write to the standard output: ${error.message}\n`);
  process.exit(EXIT.input);
});
await main(process.argv.slice(2));
