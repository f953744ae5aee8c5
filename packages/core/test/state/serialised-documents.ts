import type { DocumentStore, UpdateOptions } from "../../src/store/state-store.ts";

/** What a store of texts does on the way. */
export interface SerialisedDocuments extends DocumentStore {
  /** Called before anything is read or written; may fail or take its time. */
  before: (operation: "read" | "update", key: string) => Promise<void> | void;
}

/**
 * A document store that keeps texts, as one across a network does: nothing is shared by reference, every answer is a
 * promise, updates of several callers interleave, and a lost compare-and-set runs the change again.
 */
export function serialisedDocuments(inner: DocumentStore): SerialisedDocuments {
  const parsed = (text: string | undefined): unknown => (text === undefined ? undefined : JSON.parse(text));
  const update = async <T>(
    key: string,
    change: (old: T | undefined) => T | undefined,
    options?: UpdateOptions,
  ): Promise<T | undefined> => {
    await documents.before("update", key);
    const seen = await inner.read<string>(key);
    // The key decides the type: each reads what it wrote.
    const old = parsed(seen) as T | undefined;
    const next = change(old);
    if (next === old) return old;
    await documents.before("update", key);
    const text = next === undefined ? undefined : JSON.stringify(next);
    let isMine = false;
    const compareAndSet = (there: string | undefined): string | undefined => {
      isMine = there === seen;
      return isMine ? text : there;
    };
    await inner.update<string>(key, compareAndSet, options);
    return isMine ? next : update(key, change, options);
  };
  const documents: SerialisedDocuments = {
    isSerialised: true,
    before: () => undefined,
    read: async <T>(key: string) => {
      await documents.before("read", key);
      // As above.
      return parsed(await inner.read<string>(key)) as T | undefined;
    },
    recent: (key) => parsed(inner.read<string>(key) as string | undefined),
    update,
    list: async <T>(prefix: string) => {
      const found = await inner.list<string>(prefix);
      return found.map(([key, text]) => [key, JSON.parse(text) as T] as const);
    },
    watch: (prefix, watcher) => inner.watch(prefix, watcher),
  };
  return documents;
}
