import { z } from "zod";

/** A trace as a viewer reads it. */

const event = z.object({
  ph: z.string(),
  pid: z.literal(1),
  tid: z.number().optional(),
  ts: z.number().optional(),
  dur: z.number().optional(),
  id: z.number().optional(),
  name: z.string(),
  args: z.record(z.string(), z.union([z.number(), z.string()])),
});
export type Event = z.infer<typeof event>;
const file = z.object({ traceEvents: z.array(event) });

export function readTrace(pieces: Iterable<string>): readonly Event[] {
  return file.parse(JSON.parse([...pieces].join(""))).traceEvents;
}
