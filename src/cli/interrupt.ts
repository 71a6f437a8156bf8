import { SIGNALS } from "./output.js";

/** Commands that keep what they have finished end in their own way on Ctrl-C: they get the signal as an event. */

export type Signal = keyof typeof SIGNALS;

/** What a body gives to be called on the first signal; it should make the body end soon. */
export type OnSignal = (stop: (signal: Signal) => void) => void;

/**
 * Runs `body`; the first SIGINT or SIGTERM calls what the body gave to `onSignal`. Before it gave anything, and at a second signal, the
 * process ends at once.
 */
export async function interruptible<T>(body: (onSignal: OnSignal) => Promise<T>): Promise<T> {
  let stop: ((signal: Signal) => void) | undefined;
  let first: Signal | undefined;
  const handlers = (Object.keys(SIGNALS) as Signal[]).map((signal) => {
    const handler = (): void => {
      if (first !== undefined || stop === undefined) process.exit(SIGNALS[signal]);
      first = signal;
      stop(signal);
    };
    return [signal, handler] as const;
  });
  for (const [signal, handler] of handlers) process.on(signal, handler);
  try {
    return await body((given) => {
      stop = given;
      // It came between two steps of the body, of which the earlier could no longer be stopped.
      if (first !== undefined) given(first);
    });
  } finally {
    for (const [signal, handler] of handlers) process.off(signal, handler);
  }
}
