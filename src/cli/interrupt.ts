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
  let signals = 0;
  const handlers = (Object.keys(SIGNALS) as Signal[]).map((signal) => {
    const handler = (): void => {
      if (++signals > 1 || stop === undefined) process.exit(SIGNALS[signal]);
      stop(signal);
    };
    return [signal, handler] as const;
  });
  for (const [signal, handler] of handlers) process.on(signal, handler);
  try {
    return await body((given) => (stop = given));
  } finally {
    for (const [signal, handler] of handlers) process.off(signal, handler);
  }
}
