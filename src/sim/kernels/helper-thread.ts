import { workerData } from "node:worker_threads";
import { Bell } from "../bell.js";
import { Helper } from "./helper.js";
import type { HelperStart } from "./team.js";

/** A thread that does nothing but help. */

const { hand, bell: shared } = workerData as HelperStart;
const helper = new Helper(hand);
const bell = new Bell(shared);
for (;;) {
  const { rings } = bell;
  if (!helper.help()) bell.wait(rings);
}
