import type { GuardInit } from "@agentplane/core";

import type { JsonRecord } from "../frame/json.ts";
import { besideEachOther } from "../judge/beside-each-other.ts";
import type { Connection } from "../connection/connection.ts";
import { withWords, wordsOf, type ItemWords } from "./item-words.ts";

/**
 * What a list says of its items, as rules at `after_tool_list` leave it: redacted; where they would withhold it, an item says
 * nothing but its name and how it is used. What may be seen at all is not theirs to say, since a call would not be refused.
 * @returns The items; those in which nothing changed are the same objects.
 */
export async function judgedItems(
  connection: Connection,
  items: readonly JsonRecord[],
): Promise<readonly JsonRecord[]> {
  return besideEachOther(items, async (item) => {
    const heard = wordsOf(item);
    const words = heard.map((one) => one.words);
    const shown = await shownOf(connection, words);
    // Where no rule looks, what is given comes back itself.
    if (shown === words) return item;
    if (shown === undefined) connection.log(`the words of a listed item were withheld: ${nameOf(item)}`);
    const left = shown ?? (await namesLeft(connection, heard));
    const isSame = left.every((one, at) => JSON.stringify(one) === JSON.stringify(words[at]));
    return isSame ? item : withWords(item, left);
  });
}

/** What is left where texts are withheld: the names by which the item is used, if they say nothing by themselves. */
async function namesLeft(
  connection: Connection,
  heard: readonly ItemWords[],
): Promise<readonly JsonRecord[]> {
  const names = heard.filter(({ saying }) => saying === "name").map(({ words }) => words);
  // Where hooks or rules with state look at results alone, nobody can say anything of names either.
  const isJudged = (await shownOf(connection, [])) !== undefined;
  const shown = isJudged ? await shownOf(connection, names) : names;
  const left = (shown ?? []).values();
  return heard.map(({ saying }) => (saying === "name" ? (left.next().value ?? NOTHING) : NOTHING));
}

/** @returns Undefined where rules would withhold it. */
async function shownOf(
  { options, acting }: Connection,
  words: readonly JsonRecord[],
): Promise<readonly JsonRecord[] | undefined> {
  const context: GuardInit = { hookpoint: "before_tool_list", ...acting };
  return (await options.plane.guard.preview(context, words))?.value;
}

const NOTHING: JsonRecord = Object.freeze({});

function nameOf({ name, uri, uriTemplate }: JsonRecord): string {
  return JSON.stringify(name ?? uri ?? uriTemplate).slice(0, 256);
}
