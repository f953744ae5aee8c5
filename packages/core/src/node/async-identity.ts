import { AsyncLocalStorage } from "node:async_hooks";

import type { IdentityClaim } from "../context/identity.ts";

/** Carries who acts through asynchronous code, such as from a web request to the tools it ends up calling. */
export interface AsyncIdentity {
  /**
   * Runs work as this identity; everything it starts, awaited or not, sees it.
   * @param identity The whole identity: an inner run replaces it, nothing is inherited from an outer one.
   * @returns What `work` returns.
   */
  run<R>(identity: IdentityClaim, work: () => R): R;
  /** The identity of the innermost run around the calling code; undefined outside. */
  current(): IdentityClaim | undefined;
}

/**
 * Creates a carrier of identity on AsyncLocalStorage.
 * @example
 * const identity = createAsyncIdentity();
 * app.use((request, next) => identity.run({ tenant: request.tenant, user: request.user }, next));
 */
export function createAsyncIdentity(): AsyncIdentity {
  const storage = new AsyncLocalStorage<IdentityClaim>();
  return {
    run(identity, work) {
      // A frozen copy: code that runs inside must not become someone else by changing it.
      const { ancestors, ...rest } = identity;
      return storage.run(
        Object.freeze({
          ...rest,
          ...(ancestors !== undefined && { ancestors: Object.freeze([...ancestors]) }),
        }),
        work,
      );
    },
    current: () => storage.getStore(),
  };
}
