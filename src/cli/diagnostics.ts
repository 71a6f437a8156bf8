import { defineDiagnostics } from "../diagnostics/index.js";

export const cliDiagnostics = defineDiagnostics("cli", {
  "cannot-read": { severity: "error", explain: "A file named on the command line cannot be read." },
  "arch-needed": {
    severity: "error",
    explain: "A checkpoint does not say which network it belongs to; name it with --arch.",
  },
  "is-program": {
    severity: "error",
    explain: "A command that starts from a network was given the program that one was compiled into.",
  },
  "model-source": {
    severity: "error",
    explain: "A network comes either from a file or from --random-init.",
  },
  "no-rates": {
    severity: "warning",
    explain:
      "A network made from a seed has the official initialisation, whose batch norms no training has adapted: its deeper layers may hardly fire, or never. --rates sets their firing rates.",
  },
  "unknown-name": { severity: "error", explain: "Nothing of this name exists; the message says what was looked for." },
  "run-file": {
    severity: "error",
    explain: "The file is not a run written by `spikec simulate`, or it is too long to be read.",
  },
  "incomplete-run": {
    severity: "warning",
    explain: "The run was stopped, or a sample failed: its sums are those of the samples before.",
  },
  "not-recorded": {
    severity: "error",
    explain: "Runs are compared spike by spike, and this one was made without --record.",
  },
  "not-comparable": {
    severity: "error",
    explain: "The two recordings have no layer in common, or not the same number of timesteps.",
  },
  "trace-cut": {
    severity: "warning",
    explain: "A trace of all steps would be too large for viewers; it holds the first ones, without gaps.",
  },
  "no-folder": { severity: "error", explain: "The folder of an output does not exist; it is not made silently." },
  "no-selection": {
    severity: "error",
    explain: "Token selection needs an attention or an MLP that reads all of its tokens; the net has none there.",
  },
  amounts: { severity: "error", explain: "A sweep is over numbers of tokens (--k) or over shares (--share)." },
  inputs: { severity: "error", explain: "The program's inputs are not of the kind that the command can feed." },
  "not-finite": {
    severity: "error",
    explain: "The network computed an infinity or NaN for a sample; only the samples before it were written.",
  },
  interrupted: {
    severity: "error",
    explain:
      "Ctrl-C, or a signal that asks the process to end, stopped the command. What had finished is kept. Exit code 130 (SIGINT) or 143 (SIGTERM).",
  },
  "thread-died": {
    severity: "error",
    explain:
      "The simulator runs in a thread of its own, and that thread ended before its sample did, for example for want of memory. What had finished is kept.",
  },
  bug: {
    severity: "error",
    explain:
      "spikec itself failed in the middle of a run. What had finished is kept; please report the trace. Exit code 70.",
  },
  overwrites: {
    severity: "error",
    explain: "The output would replace an input, or a file that spikec did not write. Choose another name.",
  },
  "no-effect": {
    severity: "error",
    explain: "An option was given that changes nothing here; the message says beside what it does. Exit code 2.",
  },
  "not-ir-text": {
    severity: "error",
    explain: "`spikec opt` writes IR text, whose name ends in .snn, so that other commands know what it is.",
  },
  labels: { severity: "error", explain: "The labels do not fit the samples." },
  range: { severity: "error", explain: "An option has a value outside what the inputs allow." },
  "what-if": {
    severity: "error",
    explain:
      "A what-if of `energy --vary` cannot be made: an axis that there is not, a value outside its range, or a combination of values of which the network cannot be built. `spikec energy --help` says what each axis takes.",
  },
  "keep-energy": {
    severity: "error",
    explain:
      "No number of tokens saves as much energy as --keep-energy asks for, or the net has no tokens to leave out; the message says what one token costs.",
  },
  "demo-file": {
    severity: "error",
    explain: "A file of the embedded example is missing or damaged; reinstall spikec.",
  },
});
