import type { GuardInit } from "@agentplane/core";

import type { JsonRecord } from "../frame/json.ts";
import { besideEachOther } from "../judge/beside-each-other.ts";
import type { Connection } from "../connection/connection.ts";
import { withWords, wordsOf } from "./item-words.ts";

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
