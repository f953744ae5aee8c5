/** One change of a document, as it is told on the collection's channel. */
export interface ChangeMessage {
  readonly revision: number;
  /** The collection's revision before it: whoever has heard another one has missed something. */
  readonly previous: number;
  /** `read`: the value is too big to be told, and must be read. */
  readonly what: "value" | "gone" | "read";
  readonly key: string;
  /** JSON; empty unless `what` is `value`. */
  readonly json: string;
}

/** Reads a message; undefined for one that is not ours. */
export function parseChange(message: string): ChangeMessage | undefined {
  const match = /^(\d+)\n(\d+)\n(value|gone|read)\n(.*)\n/.exec(message);
  if (match === null) return undefined;
  const [head, revision, previous, what, name] = match;
  if (what !== "value" && what !== "gone" && what !== "read") return undefined;
  const key: unknown = JSON.parse(name ?? "");
  if (typeof key !== "string") return undefined;
  const json = message.slice(head.length);
  return { revision: Number(revision), previous: Number(previous), what, key, json };
}
