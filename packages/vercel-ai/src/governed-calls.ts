/** What is known of one model call that the SDK tells of. */
interface SeenCall {
  isGoverned: boolean;
}

interface Storage {
  run<Result>(call: SeenCall, work: () => Result): Result;
  getStore(): SeenCall | undefined;
}

/** As Node.js, Bun, Deno and the edge runtimes give it. */
interface Runtime {
  readonly process?: {
    getBuiltinModule?(name: string): { readonly AsyncLocalStorage?: new () => Storage } | undefined;
  };
}

// The global object of any runtime, as far as it is looked at.
const Storage = (globalThis as Runtime).process?.getBuiltinModule?.("async_hooks")?.AsyncLocalStorage;
/** Follows a call to its model: the SDK's telemetry tells names alone, which say nothing of who guards it. */
const calls = Storage && new Storage();

/** Says that the call at work goes through a plane. */
export function noteGoverned(): void {
  const call = calls?.getStore();
  if (call !== undefined) call.isGoverned = true;
}

/**
 * Makes a call and tells, however it ends, when no plane has seen it; never where the runtime cannot follow it.
 * @param onUngoverned Told after it.
 */
export async function watchCall<Result>(
  execute: () => PromiseLike<Result>,
  onUngoverned: () => void,
): Promise<Result> {
  if (calls === undefined) return execute();
  const call: SeenCall = { isGoverned: false };
  try {
    return await calls.run(call, execute);
  } finally {
    if (!call.isGoverned) onUngoverned();
  }
}
