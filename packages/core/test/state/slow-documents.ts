import type { DocumentStore, UpdateOptions } from "../../src/store/state-store.ts";

/**
 * A document store as a remote one behaves: every answer is a promise, updates of several callers interleave, and a
 * lost compare-and-set runs the change again.
 */
export function slowDocuments(
  inner: DocumentStore,
  pause: () => Promise<void> = async () => undefined,
): DocumentStore {
  const update = async <T>(
    key: string,
    change: (old: T | undefined) => T | undefined,
    options?: UpdateOptions,
  ): Promise<T | undefined> => {
    const seen = await inner.read<T>(key);
    await pause();
    const next = change(seen);
    if (next === seen) return seen;
    await pause();
    let isMine = false;
    const compareAndSet = (old: T | undefined): T | undefined => {
      isMine = old === seen;
      return isMine ? next : old;
    };
    await inner.update<T>(key, compareAndSet, options);
    return isMine ? next : update(key, change, options);
  };
  return {
    read: async (key) => inner.read(key),
    update,
    list: async (prefix) => inner.list(prefix),
    watch: (prefix, watcher) => inner.watch(prefix, watcher),
  };
}

/** A store that fails until it is told to work. */
export function brokenDocuments(inner: DocumentStore): DocumentStore & { heal(): void } {
  let isBroken = true;
  const check = (): void => {
    if (isBroken) throw new Error("the store is down");
  };
  return {
    read: async (key) => (check(), inner.read(key)),
    update: async (key, change, options) => (check(), inner.update(key, change, options)),
    list: async (prefix) => (check(), inner.list(prefix)),
    watch: (prefix, watcher) => inner.watch(prefix, watcher),
    heal: () => void (isBroken = false),
  };
}
