import type { Usage } from "@agentplane/core";

import type { CallPiece, ProposedCall, StreamDialect, TextPlace } from "../protocol/dialect.ts";
import { parseJson, recordOf, type JsonRecord } from "../protocol/json.ts";
import { writtenMembers } from "../protocol/responses.ts";
import type { Atom, StreamEvent } from "./atom.ts";
import type { SseFrame } from "./sse-frames.ts";

/** Texts that name, sign or encode something and are never words of the model. */
const STRUCTURE = new Set([
  "type",
  "id",
  "item_id",
  "call_id",
  "response_id",
  "container_id",
  "file_id",
  "object",
  "model",
  "role",
  "status",
  "server_label",
  "finish_reason",
  "stop_reason",
  "service_tier",
  "system_fingerprint",
  "obfuscation",
  "encrypted_content",
  "signature",
  "b64_json",
  "partial_image_b64",
]);

/** What a model wrote for a tool: every member of it is its own, whatever its name. */
const WRITTEN = new Set(["input", "arguments", "action", "actions", "operation"]);

/** Takes events apart: pieces of text, ends of texts, and what is said again. */
export class AtomReader {
  readonly #dialect: StreamDialect;
  readonly #isUsageAdded: boolean;
  /** What came of each open slot. */
  readonly #open = new Map<string, string>();
  /** Whole texts of ended slots, to find where they are said again. */
  readonly #ended = new Map<string, string>();
  readonly #calls: GrowingCall[] = [];
  /** The call that a slot goes on with. */
  readonly #callOf = new Map<string, GrowingCall>();
  #usage: Usage | undefined;
  #freshCount = 0;

  /**
   * @param isUsageAdded The usage was asked for by the adapter alone.
   */
  constructor(dialect: StreamDialect, isUsageAdded: boolean) {
    this.#dialect = dialect;
    this.#isUsageAdded = isUsageAdded;
  }

  /** The calls that were proposed so far. */
  get calls(): readonly ProposedCall[] {
    return this.#calls.flatMap(({ name, server, isRemote, ...rest }) =>
      name === undefined
        ? []
        : [{ ...rest, name, ...(server !== undefined && { server }), ...(isRemote && { isRemote }) }],
    );
  }

  take(frame: SseFrame): readonly Atom[] {
    const json = frame.data === undefined ? undefined : recordOf(parseJson(frame.data));
    const bare = { frame, json, repeats: [], isHidden: false, usage: undefined };
    if (json === undefined) return this.#takeOther(bare);
    const { pieces, wholes = [], ends = [], usage, calls = [], covered = [] } = this.#dialect.read(json);
    for (const call of calls) this.#note(call);
    if (usage !== undefined) this.#usage = { ...this.#usage, ...usage };
    for (const { slot, text } of pieces) this.#open.set(slot, (this.#open.get(slot) ?? "") + text);
    const ending = this.#endsOf(ends);
    const { repeats, fresh } = this.#saidAgain(json, covered);
    const isHidden = this.#isUsageAdded && this.#dialect.isUsageOnly(json);
    const event: StreamEvent = { ...bare, repeats, isHidden, usage: usage && this.#usage };
    return [
      ...pieces.map((place): Atom => ({ kind: "piece", event, place, text: place.text })),
      ...ending,
      ...[...this.#fresh(wholes), ...fresh].flatMap((place): readonly Atom[] => [
        { kind: "piece", event, place, text: place.text },
        { kind: "end", slot: place.slot },
      ]),
      { kind: "whole", event },
    ];
  }

  /** `[DONE]` says that nothing more comes; a comment says nothing; anything else that is no object is a text. */
  #takeOther(event: StreamEvent): readonly Atom[] {
    const { data = "" } = event.frame;
    if (data.trim() === "[DONE]") return [...this.#endsOf([""]), { kind: "whole", event }];
    if (data === "") return [{ kind: "whole", event }];
    const place: TextPlace = { slot: `said/${this.#freshCount++}`, path: [], text: data };
    return [
      { kind: "piece", event, place, text: data },
      { kind: "end", slot: place.slot },
      { kind: "whole", event },
    ];
  }

  #endsOf(prefixes: readonly string[]): readonly Atom[] {
    const ended: Atom[] = [];
    for (const [slot, text] of this.#open) {
      if (!prefixes.some((prefix) => slot.startsWith(prefix))) continue;
      this.#open.delete(slot);
      this.#ended.set(text, slot);
      ended.push({ kind: "end", slot });
    }
    return ended;
  }

  #note({ slot, id, name, server, input = "", isWhole, isRemote = false }: CallPiece): void {
    const known = this.#callOf.get(slot);
    // Some providers give each call the same index: another id, or another name, is another call.
    if (known === undefined || isOther(known.id, id) || isOther(known.name, name)) {
      const call: GrowingCall = { id, name, server, input, isRemote };
      this.#calls.push(call);
      this.#callOf.set(slot, call);
      return;
    }
    known.id ??= id;
    known.name ??= name;
    known.server ??= server;
    known.input = isWhole === true ? input : known.input + input;
  }

  /** Texts said again are replaced by what was shown of them; any other whole text is judged like a new one. */
  #saidAgain(
    json: JsonRecord,
    covered: readonly string[],
  ): {
    readonly repeats: readonly TextPlace[];
    readonly fresh: readonly TextPlace[];
  } {
    const repeats: TextPlace[] = [];
    const fresh: TextPlace[] = [];
    for (const { path, text } of textsOf(json, covered)) {
      const slot = this.#ended.get(text);
      if (slot !== undefined) repeats.push({ slot, path, text });
      else fresh.push(...this.#fresh([{ path, text }]));
    }
    return { repeats, fresh };
  }

  #fresh(texts: readonly Text[]): readonly TextPlace[] {
    return texts.map(({ path, text }) => ({ slot: `said/${this.#freshCount++}`, path, text }));
  }
}

/** A call as far as it is known. */
interface GrowingCall {
  id: string | undefined;
  name: string | undefined;
  server: string | undefined;
  input: string;
  readonly isRemote: boolean;
}

function isOther(before: string | undefined, now: string | undefined): boolean {
  return before !== undefined && now !== undefined && before !== now;
}

type Text = Pick<TextPlace, "path" | "text">;

function textsOf(json: JsonRecord, covered: readonly string[]): readonly Text[] {
  const found: Text[] = [];
  for (const [member, value] of Object.entries(json)) {
    if (STRUCTURE.has(member) || covered.includes(member)) continue;
    // Of a whole answer that is said again, only what the model wrote: the request that it echoes is not its words.
    const answer = member === "response" ? recordOf(value) : undefined;
    const isWritten = WRITTEN.has(member);
    leaves(answer === undefined ? value : writtenMembers(answer), { path: [member], found, isWritten });
  }
  return found;
}

interface Leaves {
  readonly path: TextPlace["path"];
  readonly found: Text[];
  /** A model wrote all of it. */
  readonly isWritten?: boolean;
}

function leaves(value: unknown, { path, found, isWritten = false }: Leaves): void {
  if (typeof value === "string") {
    if (value !== "") found.push({ path, text: value });
    return;
  }
  if (Array.isArray(value)) {
    for (const [at, member] of value.entries()) leaves(member, { path: [...path, at], found, isWritten });
    return;
  }
  const record = recordOf(value);
  if (record === undefined) return;
  const isPicture = record["type"] === "image_generation_call";
  for (const [member, inner] of Object.entries(record)) {
    const isStructure = STRUCTURE.has(member) || member === "logprobs" || (isPicture && member === "result");
    if (isStructure && !isWritten) continue;
    leaves(inner, { path: [...path, member], found, isWritten: isWritten || WRITTEN.has(member) });
  }
}
