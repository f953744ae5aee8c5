import { goesOn, saidBy, type SaidBlock } from "../content/joined-blocks.ts";
import { isPlainObject, type PlainObject } from "../content/message-content.ts";
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

/** What was said last, and where that text is. */
interface Last extends Omit<SaidBlock, "block" | "text"> {
  readonly path: string;
  /** Whether only blocks without a place of their own are in it, so that nothing goes on with it once others follow. */
  readonly isRun: boolean;
}

/** Goes through a piece of an answer as LangChain merges it: texts of one place continue each other. */
export class ShownWalk<Rest> {
  readonly #texts: ShownTexts<Rest>;
  readonly #items = new Map<string, Item[]>();
  readonly #names = new Map<string, unknown>();
  /** Where a text goes on with the one of another block. */
  readonly #paths = new Map<string, string>();
  #last: Last | undefined;
  #ended: Rest[] = [];

  constructor(texts: ShownTexts<Rest>) {
    this.#texts = texts;
  }

  whole(value: unknown): unknown {
    return this.#texts.whole(value);
  }

  value(value: unknown, path: string, place: Place<Rest>): unknown {
    if (typeof value === "string") return this.#texts.piece(this.#paths.get(path) ?? path, value, place);
    if (Array.isArray(value)) return this.items(value, path, place);
    return isPlainObject(value) ? this.members(value, path, place) : this.whole(value);
  }

  /** What a message says: a text, or blocks. Where no index tells one from the block beside it, it goes on with that. */
  content(content: unknown, place: Place<Rest>): unknown {
    if (typeof content === "string") {
      const said = { type: "text", member: "text", id: undefined, isLoose: true };
      return content === "" ? "" : this.#texts.piece(this.#goOn(said, "content+text.text"), content, place);
    }
    if (!Array.isArray(content)) return this.value(content, "content", place);
    return content.flatMap((block: unknown) => {
      const said = saidBy(block);
      if (said === undefined) this.#follow(undefined);
      return said === undefined || !said.isLoose || said.id !== undefined
        ? this.#item(block, said, place)
        : this.#loose(said, place);
    });
  }

  members(object: PlainObject, path: string, place: Place<Rest>, about: object = {}): PlainObject {
    return Object.fromEntries(
      Object.entries(object).flatMap(([name, value]) => {
        if (name === "name" && this.#isOtherName(`${path}.name`, value)) return [];
        if (WHOLE.has(name) && typeof value === "string") return [[name, this.whole(value)]];
        const shown = String(this.whole(name));
        const inside: Place<Rest> = (part) => place({ ...about, [shown]: part });
        return [[shown, this.value(value, `${path}.${name}`, inside)]];
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

  #loose(said: SaidBlock, place: Place<Rest>): readonly unknown[] {
    const { block, type, member, text } = said;
    const { [member]: _said, ...about } = block;
    const path = this.#goOn(said, `content+${type}.${member}`);
    const kind = { type: this.whole(type) };
    const shown = this.#texts.piece(path, text, (part) => place([{ ...kind, [member]: part }]));
    const isMore = Object.keys(about).length > 1;
    return shown === "" && !isMore ? [] : [{ ...Object(this.whole(about)), ...kind, [member]: shown }];
  }

  #item(block: unknown, said: SaidBlock | undefined, place: Place<Rest>): readonly unknown[] {
    if (said !== undefined) {
      const path = `${this.#itemAt("content", said.block).path}.${said.member}`;
      this.#paths.set(path, this.#goOn(said, path));
    }
    return this.items([block], "content", place);
  }

  /** Says which text goes on with what is said now: that of the block before it, or one at a path of its own. */
  #goOn(said: Omit<SaidBlock, "block" | "text">, path: string): string {
    const { type, member, id, isLoose } = said;
    const [before, known] = [this.#last, this.#paths.get(path)];
    const isOn = before !== undefined && known === undefined && goesOn(said, before);
    const at = isOn ? before.path : (known ?? path);
    const isRun = path.startsWith("content+") && (!isOn || before.isRun);
    this.#follow({ type, member, id, isLoose, path: at, isRun });
    return at;
  }

  #follow(next: Last | undefined): void {
    const before = this.#last;
    if (before?.isRun === true && before.path !== next?.path)
      this.#ended.push(...this.#texts.end(before.path));
    this.#last = next;
  }

  /** Of names LangChain takes one: pieces of a name would be put together by whoever watches. */
  #isOtherName(path: string, name: unknown): boolean {
    if (typeof name !== "string" || name === "") return false;
    const first = this.#names.get(path) ?? name;
    this.#names.set(path, first);
    return first !== name;
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
