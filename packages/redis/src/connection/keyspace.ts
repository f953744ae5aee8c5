import { AgentplaneError } from "@agentplane/core";

/** Half of a surrogate pair: UTF-8 has no place for it, and two such keys would become one. */
const LONE_SURROGATE = /\p{Surrogate}/u;

/**
 * The names of all keys of a store. All carry one hash tag, `{namespace}`, so in a cluster a store lives in one slot and
 * a script may touch any of its keys. Planes on one store are kept apart by their ids, which core puts into every name.
 */
export class Keyspace {
  readonly #tag: string;

  /** @param namespace Without braces and control characters. */
  constructor(namespace: string) {
    this.#tag = `{${namespace}}`;
  }

  /** The three keys of a limit: its record, the queue of its holds, the log of its calls. */
  ofLimit(key: string): readonly [record: string, holds: string, log: string] {
    return this.ofRecord(`${this.#tag}:limit:${encodable(key)}`);
  }

  /** The three keys of a limit whose record's key is known, as scripts name it. */
  ofRecord(record: string): readonly [record: string, holds: string, log: string] {
    const name = record.slice(this.#tag.length + ":limit:".length);
    return [record, `${this.#tag}:due:${name}`, `${this.#tag}:log:${name}`];
  }

  ofHold(id: string): string {
    return `${this.#tag}:hold:${encodable(id)}`;
  }

  /** The processes that lease. */
  get clients(): string {
    return `${this.#tag}:clients`;
  }

  ofDocument(collection: string, key: string): string {
    return `${this.#tag}:doc:${collection}:${encodable(key)}`;
  }

  /** The names of a collection's documents. */
  indexOf(collection: string): string {
    return `${this.#tag}:index:${collection}`;
  }

  /** The same, by when they expire. */
  expiryOf(collection: string): string {
    return `${this.#tag}:expiry:${collection}`;
  }

  /** How often a collection has changed. */
  revisionOf(collection: string): string {
    return `${this.#tag}:revision:${collection}`;
  }

  channelOf(collection: string): string {
    return `${this.#tag}:changes:${collection}`;
  }
}

function encodable(key: string): string {
  if (!LONE_SURROGATE.test(key)) return key;
  throw new AgentplaneError("usage_invalid", "a key holds half of a surrogate pair; use well-formed Unicode");
}
