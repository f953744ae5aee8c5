import type { JsonValue } from "../base/json.ts";
import { isForbiddenPath } from "./forbidden-name.ts";
import type { IssueList } from "./issue-list.ts";
import { listOf } from "../base/list-of.ts";
import { looksLikeSecret } from "./literal-secret.ts";
import { ObjectShapes, type ObjectShape } from "./object-shape.ts";
import type { ReadFindings } from "./rule-part.ts";
import { TooMuch } from "./too-much.ts";

/** Nested deeper than any policy means something; far below what would exhaust the stack. */
const MAX_DEPTH = 64;
/** About this many characters of JSON: 10,000 ordinary policies fit. */
const MAX_CHARS = 8 * 1024 * 1024;

/**
 * Reads plain data. A single walk copies, freezes and notes what later checks have to look for: with thousands of
 * policies each walk of its own costs as much as everything else.
 */
export class ValueReader {
  readonly #issues: IssueList;
  readonly #isOwned: boolean;
  /** Where the walk is; copied only for an issue. */
  protected readonly path: (string | number)[] = [];
  readonly #open: object[] = [];
  protected readonly shapes = new ObjectShapes();
  #chars = 0;
  #memberCount = 0;
  #mayHoldSecret = false;

  /**
   * @param isOwned The value was just parsed and nobody else has it: it is frozen itself instead of a copy.
   */
  constructor(issues: IssueList, isOwned: boolean) {
    this.#issues = issues;
    this.#isOwned = isOwned;
  }

  /** Where a copy is put together; what is owned is its own copy. */
  protected copyOf(object: object): Record<string, JsonValue> {
    // Whatever it holds now is replaced by what is read, or the load is refused.
    return this.#isOwned ? (object as Record<string, JsonValue>) : {};
  }

  /** How many members the objects have that were read. */
  get memberCount(): number {
    return this.#memberCount;
  }

  /** Some text in what was read, except for what was read apart, may be a literal secret. */
  get mayHoldSecret(): boolean {
    return this.#mayHoldSecret;
  }

  /** Notes why reading ended early; what a getter threw may quote a value, so its words are not shown. */
  reportFailure(error: unknown): void {
    if (error instanceof TooMuch) this.#issues.add([], error.message, error.suggestion);
    else this.#issues.add([], "could not be read: a getter or a proxy in it failed", "pass plain data");
  }

  protected read(value: unknown): JsonValue | undefined {
    if (typeof value === "string") return this.#readText(value);
    this.#count(4);
    if (typeof value === "object" && value !== null) return this.#readContainer(value);
    if (value === null || typeof value === "boolean") return value;
    if (typeof value !== "number") {
      const what = value === undefined ? "undefined" : `a ${typeof value}`;
      return this.#refuse(`must be plain data, not ${what}`);
    }
    return Number.isFinite(value) ? value : this.#refuse(`must be a finite number, not ${value}`);
  }

  /** Reads a value by itself: what is found out is about it alone. */
  protected readApart(value: unknown): {
    readonly copy: JsonValue | undefined;
    readonly findings: ReadFindings;
  } {
    const mayHoldSecret = this.#mayHoldSecret;
    const chars = this.#chars;
    const members = this.#memberCount;
    this.#mayHoldSecret = false;
    const copy = this.read(value);
    const findings: ReadFindings = {
      chars: this.#chars - chars,
      members: this.#memberCount - members,
      mayHoldSecret: this.#mayHoldSecret,
    };
    this.#mayHoldSecret = mayHoldSecret;
    return { copy, findings };
  }

  /** Counts a value that was read apart. */
  protected take({ chars, members, mayHoldSecret }: ReadFindings, isAgain: boolean): void {
    if (isAgain) {
      this.#count(chars);
      this.#memberCount += members;
    }
    this.#mayHoldSecret ||= mayHoldSecret;
  }

  /** Reads a member's value; its name ends the path. */
  protected readMember(_key: string, value: unknown): JsonValue | undefined {
    return this.read(value);
  }

  /** The member at a position of the shape; undefined when there is none or it may not be. Reads a getter. */
  protected memberAt(value: object, { keys, forbidden }: ObjectShape, at: number): unknown {
    const key = keys[at]!;
    this.#count(key.length + 3);
    this.#memberCount++;
    if (forbidden?.[at] !== true) {
      // Own enumerable names only, so the value may have any of them.
      return (value as Readonly<Record<string, unknown>>)[key];
    }
    this.path.push(key);
    this.#refuse("is a forbidden name (__proto__, constructor, prototype)");
    this.path.pop();
    return undefined;
  }

  /** A text under a name such as `password`; whether a customer gave that name is looked at only then. */
  protected suspect({ secret }: ObjectShape, at: number, read: JsonValue | undefined): void {
    if (secret?.[at] === true && typeof read === "string" && !read.startsWith("$."))
      this.#mayHoldSecret = true;
  }

  /** Goes into a container; false when it is refused. */
  protected enter(value: object): boolean {
    // Few are open at once, so a list is searched faster than a set is kept.
    if (this.#open.includes(value)) {
      this.#refuse("contains itself");
      return false;
    }
    if (this.path.length >= MAX_DEPTH) {
      throw new TooMuch(`is nested deeper than ${MAX_DEPTH} levels`, "a policy needs fewer than ten");
    }
    if (!Array.isArray(value) && !this.#isPlain(value)) return false;
    this.#open.push(value);
    return true;
  }

  protected leave(): void {
    this.#open.pop();
  }

  #readItems(list: readonly unknown[]): JsonValue {
    const items = this.#isOwned ? (list as JsonValue[]) : listOf<JsonValue>(list.length);
    for (let index = 0; index < list.length; index++) {
      this.path.push(index);
      const item = list[index];
      const read = this.read(item) ?? null;
      // Writing to an owned list what it holds already costs more than asking.
      if (items[index] !== read) items[index] = read;
      this.path.pop();
    }
    return Object.freeze(items);
  }

  #readText(text: string): JsonValue | undefined {
    this.#count(text.length + 3);
    if (isForbiddenPath(text)) {
      return this.#refuse("is a path through a forbidden name (__proto__, constructor, prototype)");
    }
    if (looksLikeSecret(text)) this.#mayHoldSecret = true;
    return text;
  }

  #readContainer(value: object): JsonValue | undefined {
    if (!this.enter(value)) return undefined;
    const copy = Array.isArray(value) ? this.#readItems(value) : this.#readObject(value);
    this.leave();
    return copy;
  }

  #readObject(object: object): JsonValue | undefined {
    const shape = this.shapes.of(Object.keys(object));
    const { keys } = shape;
    const copy = this.copyOf(object);
    for (let at = 0; at < keys.length; at++) {
      const key = keys[at]!;
      const value = this.memberAt(object, shape, at);
      if (value === undefined) continue;
      this.path.push(key);
      const read = this.readMember(key, value);
      this.path.pop();
      if (read === undefined) continue;
      this.suspect(shape, at, read);
      if (copy[key] !== read) copy[key] = read;
    }
    return Object.freeze(copy);
  }

  #count(chars: number): void {
    this.#chars += chars;
    if (this.#chars <= MAX_CHARS) return;
    throw new TooMuch(`is larger than ${MAX_CHARS / 1024 / 1024} MiB`, "split it into several files");
  }

  #isPlain(value: object): boolean {
    const prototype: unknown = Object.getPrototypeOf(value);
    if (prototype === Object.prototype || prototype === null) return true;
    // One step up must be the end: an ordinary object of any realm, or one without a prototype.
    if (Object.getPrototypeOf(prototype) === null) return true;
    const name = value.constructor?.name;
    this.#refuse(`must be plain data, not a ${typeof name === "string" && name !== "" ? name : "class"}`);
    return false;
  }

  #refuse(message: string): undefined {
    this.#issues.add([...this.path], message, "policies are plain JSON data");
    return undefined;
  }
}
