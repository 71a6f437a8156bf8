/** The two things that TensorFlow.js does to the host process, and their undoing. */

const FAULTS = ["uncaughtException", "unhandledRejection"] as const;

/** Emscripten's loader adds handlers for faults that are none of its own; they are removed again. */
export async function withoutNewListeners<T>(load: () => Promise<T>): Promise<T> {
  const before = FAULTS.map((fault) => new Set<unknown>(process.rawListeners(fault)));
  const loaded = await load();
  for (const [i, fault] of FAULTS.entries()) {
    for (const listener of process.rawListeners(fault)) {
      if (!before[i]?.has(listener)) process.removeListener(fault, listener as () => void);
    }
  }
  return loaded;
}

/** TensorFlow's native library prints its build flags on standard error unless told not to before it is loaded. */
export async function withQuietNative<T>(load: () => Promise<T>): Promise<T> {
  const name = "TF_CPP_MIN_LOG_LEVEL";
  const before = process.env[name];
  process.env[name] = before ?? "2";
  try {
    return await load();
  } finally {
    if (before === undefined) delete process.env[name];
  }
}
