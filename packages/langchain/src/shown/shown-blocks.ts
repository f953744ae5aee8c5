import type { ChatModelStreamEvent } from "@langchain/core/language_models/event";

import { goesOn, saidBy } from "../content/joined-blocks.ts";
import { withoutTokens } from "../content/log-probabilities.ts";
import { isPlainObject } from "../content/message-content.ts";
import type { ShownTexts } from "./shown-texts.ts";

/** The member of a block that each kind of delta continues. */
export const CONTINUED = {
  "text-delta": "text",
  "reasoning-delta": "reasoning",
  "tool-call-delta": "args",
  "data-delta": "data",
} as const;

/** More of what a block says. */
export type Delta = Extract<ChatModelStreamEvent, { event: "content-block-delta" }>;
/** The begin of a block. */
export type Start = Extract<ChatModelStreamEvent, { event: "content-block-start" }>;
type Finish = Extract<ChatModelStreamEvent, { event: "content-block-finish" }>;
type Members = Readonly<Record<string, unknown>>;

/** A block, and what was shown of it. */
interface Block {
  readonly index: number;
  readonly type: string;
  readonly member: string;
  readonly id: unknown;
  readonly name: unknown;
  isLoose: boolean;
  /** Whether others go on with it, so that none of them is known as a whole. */
  isShared: boolean;
  shown: string;
}

/**
 * The blocks of an answer. LangChain makes a block of its own of each piece that came without an index, which goes on with
 * what the block before it says.
 */
export class ShownBlocks {
  readonly #texts: ShownTexts<Delta>;
  readonly #blocks = new Map<number, Block>();
  #last: Block | undefined;

  constructor(texts: ShownTexts<Delta>) {
    this.#texts = texts;
  }

  /** What a block says as it begins is the first of what its deltas continue. */
  begin({ index, content }: Start): readonly Delta[] {
    const block = blockOf(index, content);
    const before = this.#callOf(block) ?? this.#last;
    if (block !== undefined && before !== undefined && isMore(block, before)) {
      before.isShared = true;
      before.isLoose &&= block.isLoose;
      this.#blocks.set(index, before);
    } else if (block !== undefined) this.#blocks.set(index, block);
    this.#last = this.#blocks.get(index);
    // Any block, of which only texts are taken.
    const said = content as unknown as Members;
    return Object.entries(CONTINUED).flatMap(([type, name]) => {
      const text = said[said["type"] === "thinking" && name === "reasoning" ? "thinking" : name];
      if (typeof text !== "string" || text === "") return [];
      // The delta of a member has that member, by `CONTINUED`.
      const delta = { type, [name]: text } as unknown as Delta["delta"];
      return [this.goOn({ event: "content-block-delta", index, delta })];
    });
  }

  /** @returns What can be shown of it now, in the block that it goes on with. */
  goOn(event: Delta): Delta {
    const { delta } = event;
    const block = this.#blocks.get(event.index);
    this.#last = block;
    const index = block?.index ?? event.index;
    const member = CONTINUED[delta.type as keyof typeof CONTINUED];
    // Each kind of delta has the text under the name of what it continues.
    const text = (delta as unknown as Readonly<Record<string, string>>)[member] ?? "";
    const isSaid = block?.member === member || (block?.member === "thinking" && member === "reasoning");
    const showing = (shown: string): Delta => {
      if (block !== undefined && isSaid) block.shown += shown;
      return { ...event, index, delta: { ...delta, [member]: shown } };
    };
    return showing(this.#texts.piece(`${index}.${delta.type}`, text, showing));
  }

  finish(event: Finish): readonly ChatModelStreamEvent[] {
    const block = this.#blocks.get(event.index);
    this.#last = undefined;
    const held = this.#texts.end(`${block?.index ?? event.index}.`);
    const content = this.#texts.whole(withoutTokens(finished(event, block)));
    // The same kind of block.
    return [...held, { ...event, content: content as typeof event.content }];
  }

  /** A call that a piece names by its id. */
  #callOf(block: Block | undefined): Block | undefined {
    if (block === undefined || !isCall(block.type) || !block.id) return undefined;
    return [...this.#blocks.values()].find((one) => one.type === block.type && one.id === block.id);
  }
}

function blockOf(index: number, content: Start["content"]): Block | undefined {
  const said = saidBy(content);
  if (said === undefined) return undefined;
  const { block, type, member, id } = said;
  // LangChain gives each piece of a call an index; the first one has a name.
  const isLoose = isCall(type) ? !block["name"] : said.isLoose;
  return { index, type, member, id, name: block["name"], isLoose, isShared: false, shown: "" };
}

function isMore(block: Block, before: Block): boolean {
  return goesOn(block, before) && (block.isLoose || !isCall(block.type));
}

function isCall(type: string): boolean {
  return type === "tool_call_chunk";
}

/** A block as it is known at its end: of one that shares its text what was shown of it. */
function finished({ index, content }: Finish, block: Block | undefined): Members {
  // Any block.
  const members = content as unknown as Members;
  if (block === undefined) return members;
  const isOwn = block.index === index;
  // Of names the last one counts, which is not the one that was told.
  const named = isOwn && block.name !== undefined ? { ...members, name: block.name } : members;
  if (!block.isShared) return named;
  const own = isOwn ? block.shown : "";
  const { error = "the arguments stand elsewhere", ...call } = named;
  const args = isCall(block.type) ? parsed(own) : undefined;
  if (args !== undefined) return { ...call, type: "tool_call", args };
  if (isCall(block.type)) return { ...call, type: "invalid_tool_call", args: own, error };
  return { ...named, [block.member]: own };
}

function parsed(args: string): object | undefined {
  try {
    const value: unknown = JSON.parse(args);
    return isPlainObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
