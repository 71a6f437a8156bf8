/**
 * Accuracy of the trained Fashion-MNIST network with fewer tokens:
 *   tsx bench/top-k.ts --split t10k --pictures 10000 "k=48" "k=16 cue=relevance"
 * (add --from 5000 to begin later in the file). Each argument is the options of one sparsify-top-k; the network without it comes first. Pictures are the first of the
 * file. The folder of data is `SPIKEC_SHARED`, or `../shared`.
 */
import { parseArgs } from "node:util";
import { correctPredictions, fashionInputs, fashionNet, withPasses } from "../conformance/support/top-k.js";
import { SHARED } from "../conformance/support/shared.js";

const { values, positionals } = parseArgs({
  options: {
    split: { type: "string", default: "t10k" },
    pictures: { type: "string", default: "200" },
    from: { type: "string", default: "0" },
  },
  allowPositionals: true,
});
const split = values.split === "train" ? "train" : "t10k";
const pictures = Number(values.pictures);
const from = Number(values.from);
const net = fashionNet(SHARED);
const nets = [net, ...positionals.map((options) => withPasses(net, `sparsify-top-k{${options}}`))];
const correct = correctPredictions(nets, fashionInputs(SHARED, split, from + pictures), from, pictures, (done, so) => {
  if (done % 500 === 0) process.stderr.write(`${done}: ${so.join(" ")}\n`);
});
for (const [i, name] of ["all tokens", ...positionals].entries()) {
  const percent = ((100 * (correct[i] ?? 0)) / pictures).toFixed(2);
  process.stdout.write(`${name.padEnd(40)} ${correct[i]} of ${pictures}, ${percent} %\n`);
}
