import type { GuardInit } from "@agentplane/core";

import { recordOf, type JsonRecord } from "../frame/json.ts";
import { besideEachOther } from "../judge/beside-each-other.ts";
import type { Connection } from "../connection/connection.ts";
import { hasWords } from "../judge/words.ts";

/** Members whose text a model or a person reads. */
const WORDS = new Set(["title", "description"]);
/** Members of an item that say how it is used: of what stands in them, only such texts may change. */
const USAGE = new Set([
  "name",
  "uri",
  "uriTemplate",
  "mimeType",
  "size",
  "icons",
  "arguments",
  "inputSchema",
  "outputSchema",
  "execution",
]);

/**
 * What a list says of its items, as rules at `after_tool_list` leave it: redacted; where they would withhold it, an item says
 * nothing but its name and how it is used. What may be seen at all is not theirs to say, since a call would not be refused.
 * @returns The items; those in which nothing changed are the same objects.
 */
export async function judgedItems(
  { options, acting, log }: Connection,
  items: readonly JsonRecord[],
): Promise<readonly JsonRecord[]> {
  const context: GuardInit = { hookpoint: "before_tool_list", ...acting };
  const { guard } = options.plane;
  return besideEachOther(items, async (item) => {
    const words = wordsOf(item);
    const shown = await guard.preview(context, words);
    // Where no rule looks, what is given comes back itself.
    if (shown?.value === words) return item;
    if (shown === undefined) log(`the words of a listed item were withheld: ${nameOf(item)}`);
    const left = shown?.value ?? words.map(() => NOTHING);
    const isSame = left.every((one, at) => JSON.stringify(one) === JSON.stringify(words[at]));
    return isSame ? item : withWords(item, left);
  });
}

const NOTHING: JsonRecord = Object.freeze({});

function nameOf({ name, uri, uriTemplate }: JsonRecord): string {
  return JSON.stringify(name ?? uri ?? uriTemplate).slice(0, 256);
}

/** Every such text of an item, in order, each under its name: rules may go by that. What is no usage is judged as a whole. */
function wordsOf(item: JsonRecord): readonly JsonRecord[] {
  return Object.entries(item).flatMap(([name, value]) =>
    isWhole(name, value) ? [{ [name]: value }] : wordsIn({ [name]: value }),
  );
}

function wordsIn(value: unknown): readonly JsonRecord[] {
  if (Array.isArray(value)) return value.flatMap(wordsIn);
  return Object.entries(recordOf(value) ?? {}).flatMap(([name, inner]) =>
    isWords(name, inner) ? [{ [name]: inner }] : wordsIn(inner),
  );
}

/** The item with what is left of these texts, in the same order; one of which nothing is left is not there. */
function withWords(item: JsonRecord, left: readonly JsonRecord[]): JsonRecord {
  let at = 0;
  const rebuilt = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(rebuilt);
    const record = recordOf(value);
    return record === undefined ? value : rebuiltRecord(record, isWords);
  };
  const rebuiltRecord = (record: JsonRecord, isJudged: typeof isWords): JsonRecord => {
    const members = new Map<string, unknown>();
    const isTaken = (name: string): boolean =>
      USAGE.has(name) || Object.hasOwn(record, name) || members.has(name);
    for (const [name, inner] of Object.entries(record)) {
      if (!isJudged(name, inner)) members.set(name, rebuilt(inner));
      else
        for (const [now, words] of Object.entries(left[at++] ?? NOTHING))
          members.set(now === name ? now : freeName(now, isTaken), words);
    }
    return Object.fromEntries(members);
  };
  return rebuiltRecord(item, (name, value) => isWhole(name, value) || isWords(name, value));
}

/** What was made of a name is no other member's. */
function freeName(name: string, isTaken: (name: string) => boolean): string {
  if (!isTaken(name)) return name;
  let number = 2;
  while (isTaken(`${name}_${number}`)) number++;
  return `${name}_${number}`;
}

function isWords(name: string, value: unknown): boolean {
  return typeof value === "string" && WORDS.has(name);
}

function isWhole(name: string, value: unknown): boolean {
  return !USAGE.has(name) && hasWords({ [name]: value });
}
