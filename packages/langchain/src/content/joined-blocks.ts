import { AIMessage, AIMessageChunk, type ToolCallChunk } from "@langchain/core/messages";

import { isPlainObject, setField, type PlainObject } from "./message-content.ts";

/** Members in which a block says something that the next of its kind may go on with. */
const SAID = ["text", "reasoning", "thinking", "args"];

/** What a block says. */
export interface SaidBlock {
  readonly block: PlainObject;
  readonly type: string;
  readonly member: string;
  readonly text: string;
  readonly id: unknown;
  /** Whether no index tells it from the block beside it. */
  readonly isLoose: boolean;
}

/** @returns Undefined for a block that says nothing, or not in a text. */
export function saidBy(block: unknown): SaidBlock | undefined {
  if (!isPlainObject(block)) return undefined;
  const { type, index } = block;
  const member = SAID.find((name) => typeof block[name] === "string");
  if (typeof type !== "string" || member === undefined) return undefined;
  const id = block["id"] ?? undefined;
  return {
    block,
    type,
    member,
    text: String(block[member]),
    id,
    isLoose: (index ?? undefined) === undefined,
  };
}

type Beside = Pick<SaidBlock, "type" | "member" | "id" | "isLoose">;

/** Whether a block may go on with what the one before it says: of the same kind, and nothing tells them apart. */
export function goesOn(block: Beside, before: Beside): boolean {
  if (block.type !== before.type || block.member !== before.member) return false;
  const isOtherId = block.id !== undefined && before.id !== undefined && block.id !== before.id;
  return (block.isLoose || before.isLoose) && !isOtherId;
}

/**
 * Some providers stream blocks and calls without an index, which LangChain leaves as they came: whatever stands across
 * two of them is found in one.
 * @param answer A message, changed in place.
 */
export function joinBlocks<R>(answer: R): R {
  if (!AIMessage.isInstance(answer)) return answer;
  joinCalls(answer);
  if (!Array.isArray(answer.content)) return answer;
  const joined: unknown[] = [];
  for (const block of answer.content) {
    const [said, before] = [saidBy(block), saidBy(joined.at(-1))];
    if (said === undefined || before === undefined || !goesOn(said, before)) joined.push(block);
    else joined.splice(-1, 1, joinedBlock(before, said));
  }
  if (joined.length < answer.content.length) setField(answer, "content", joined);
  return answer;
}

function joinedBlock({ block: before, member, text }: SaidBlock, { block, text: more }: SaidBlock): object {
  const lists = Object.entries(before).flatMap(([name, value]) => {
    const others = block[name];
    return Array.isArray(value) && Array.isArray(others) ? [[name, [...value, ...others]]] : [];
  });
  return { ...block, ...before, ...Object.fromEntries(lists), [member]: text + more };
}

type CallPlace = Pick<ToolCallChunk, "index" | "id">;

/** Gives each piece of a call that does not say of which the place of its call: of the one with its id, or before it. */
export function placedCalls(): (chunk: ToolCallChunk) => ToolCallChunk {
  const places = new Map<unknown, CallPlace>();
  let last: CallPlace | undefined;
  return ({ index, id, ...said }) => {
    const isIndexed = (index ?? undefined) !== undefined;
    // Whatever stands there is kept.
    const own: CallPlace = isIndexed ? { index: index as number } : {};
    // An index that no call has begun with, after a call that has none, says nothing.
    const isPlaced = isIndexed && (places.has(index) || last?.id === undefined || last.index !== undefined);
    let place = last ?? { index: 0 };
    if (id) place = isIndexed ? { ...own, id } : (places.get(id) ?? { id });
    else if (isPlaced) place = own;
    last = place;
    if (place.id !== undefined) places.set(place.id, place);
    if (place.index !== undefined) places.set(place.index, place);
    return { ...said, ...place };
  };
}

function joinCalls(answer: AIMessage): void {
  if (!(answer instanceof AIMessageChunk)) return;
  const { tool_call_chunks: chunks = [] } = answer;
  const placed = chunks.map(placedCalls());
  if (
    placed.every(({ index, id }, at) => index === chunks[at]?.index && id === (chunks[at]?.id ?? undefined))
  )
    return;
  const pieces = placed.map((chunk) => new AIMessageChunk({ content: "", tool_call_chunks: [chunk] }));
  const joined = pieces.reduce((whole, chunk) => whole.concat(chunk));
  for (const field of ["tool_call_chunks", "tool_calls", "invalid_tool_calls"] as const)
    setField(answer, field, joined[field]);
}
