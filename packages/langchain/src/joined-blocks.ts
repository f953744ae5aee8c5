import { AIMessage } from "@langchain/core/messages";

import { isPlainObject, setField } from "./message-content.ts";

/** Members of a block that says nothing else, so that the next of its kind goes on where it stops. */
const SAID: ReadonlySet<string> = new Set(["text", "reasoning", "thinking"]);

/** A block of which nothing is known but what it says. */
export interface SaidBlock {
  readonly type: string;
  readonly member: string;
  readonly text: string;
  readonly id: unknown;
}

/** @returns Undefined for a block with an index or anything else of its own but an id. */
export function saidBy(block: unknown): SaidBlock | undefined {
  if (!isPlainObject(block)) return undefined;
  const { type, id, ...said } = block;
  const [entry, ...more] = Object.entries(said);
  if (typeof type !== "string" || entry === undefined || more.length > 0) return undefined;
  const [member, text] = entry;
  return SAID.has(member) && typeof text === "string" ? { type, member, text, id } : undefined;
}

/**
 * Some providers stream blocks without an index, which LangChain leaves as they came: whatever stands across two of them
 * is found in one.
 * @param answer A message, changed in place.
 */
export function joinBlocks<R>(answer: R): R {
  if (!AIMessage.isInstance(answer) || !Array.isArray(answer.content)) return answer;
  const joined: unknown[] = [];
  for (const block of answer.content) {
    const [said, before] = [saidBy(block), saidBy(joined.at(-1))];
    const isOther = before?.type !== said?.type || before?.member !== said?.member || before?.id !== said?.id;
    if (said === undefined || before === undefined || isOther) joined.push(block);
    else joined.splice(-1, 1, { ...block, [said.member]: before.text + said.text });
  }
  if (joined.length < answer.content.length) setField(answer, "content", joined);
  return answer;
}
