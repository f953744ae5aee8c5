import { saidBy } from "./joined-blocks.ts";
import { isPlainObject, type PlainObject } from "./message-content.ts";
import type { ShownTexts } from "./shown-texts.ts";

/** Puts a value where it belongs in a message of its own. */
export type Place<Rest> = (value: unknown) => Rest;

/** Members of which one text counts, where LangChain puts chunks together; all other texts continue each other. */
const WHOLE: ReadonlySet<string> = new Set([
  "id",
  "name",
  "output_version",
  "model_provider",
  "type",
  "index",
  "created",
  "timestamp",
]);

/** An item of a list, as the next one may be put together with it. */
interface Item {
  readonly index: unknown;
  id: unknown;
  type: string | undefined;
  readonly path: string;
}

/** Goes through a piece of an answer as LangChain merges it: texts of one place continue each other. */
export class ShownWalk<Rest> {
  readonly #texts: ShownTexts<Rest>;
  readonly #items = new Map<string, Item[]>();
  #run: string | undefined;
  #ended: Rest[] = [];

  constructor(texts: ShownTexts<Rest>) {
    this.#texts = texts;
  }

  whole(value: unknown): unknown {
    return this.#texts.whole(value);
  }

  value(value: unknown, path: string, place: Place<Rest>): unknown {
    if (typeof value === "string") return this.#texts.piece(path, value, place);
    if (Array.isArray(value)) return this.items(value, path, place);
    return isPlainObject(value) ? this.members(value, path, place) : this.whole(value);
  }

  /** What a message says: a text, or blocks. Without an index a block, like a text, goes on with the one before it. */
  content(content: unknown, place: Place<Rest>): unknown {
    if (typeof content === "string") return content === "" ? "" : this.#inRun("text.text", content, place);
    if (!Array.isArray(content)) return this.value(content, "content", place);
    return content.flatMap((block: unknown) => {
      const said = saidBy(block);
      if (said === undefined || said.id !== undefined) {
        this.#endRun();
        return this.items([block], "content", place);
      }
      const { type, member, text } = said;
      const inBlock = (part: string): object => ({ type, [member]: part });
      const shown = this.#inRun(`${type}.${member}`, text, (part) => place([inBlock(String(part))]));
      return shown === "" ? [] : [inBlock(shown)];
    });
  }

  members(object: PlainObject, path: string, place: Place<Rest>, about: object = {}): PlainObject {
    return Object.fromEntries(
      Object.entries(object).map(([name, value]) => {
        if (WHOLE.has(name) && typeof value === "string") return [name, this.whole(value)];
        const shown = String(this.whole(name));
        const inside: Place<Rest> = (part) => place({ ...about, [shown]: part });
        return [shown, this.value(value, `${path}.${name}`, inside)];
      }),
    );
  }

  items(list: readonly unknown[], path: string, place: Place<Rest>): readonly unknown[] {
    return list.map((item) => {
      // What has neither is merged with nothing.
      if (!isPlainObject(item) || (item["index"] ?? item["id"]) === undefined) return this.whole(item);
      const { index, type } = item;
      const { path: at, id } = this.#itemAt(path, item);
      const about = {
        ...(index !== undefined && { index: this.whole(index) }),
        ...(type !== undefined && { type: this.whole(type) }),
        ...(id !== undefined && { id: this.whole(id) }),
      };
      return this.members(item, at, (part) => place([part]), about);
    });
  }

  /** @returns What was still held of blocks that others have followed. */
  ended(): readonly Rest[] {
    return this.#ended.splice(0);
  }

  #inRun(kind: string, text: string, place: Place<Rest>): string {
    const run = `content+${kind}`;
    if (this.#run !== run) this.#endRun();
    this.#run = run;
    return this.#texts.piece(run, text, place);
  }

  #endRun(): void {
    if (this.#run !== undefined) this.#ended.push(...this.#texts.end(this.#run));
    this.#run = undefined;
  }

  /** The item that LangChain would put it together with: of the same index and kind, told apart by ids. */
  #itemAt(path: string, { index, id, type }: PlainObject): Item {
    const items = this.#items.get(path) ?? [];
    this.#items.set(path, items);
    const kind = typeof type === "string" ? type.replace(/_delta$/, "") : undefined;
    let item = items.find((one) =>
      index === undefined || one.index === undefined
        ? one.index === index && one.id === id
        : one.index === index && isOrOpen(one.type, kind) && isOrOpen(one.id, id),
    );
    if (item === undefined) items.push((item = { index, id, type: kind, path: `${path}[${items.length}]` }));
    item.id ??= id;
    item.type ??= kind;
    return item;
  }
}

function isOrOpen(one: unknown, other: unknown): boolean {
  return one === undefined || other === undefined || one === other;
}
