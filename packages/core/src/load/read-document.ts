import type { JsonValue } from "../base/json.ts";
import type { IssueList } from "./issue-list.ts";

/** Nested deeper than any policy means something; far below what would exhaust the stack. */
const MAX_DEPTH = 64;
/** About this many characters of JSON: 10,000 ordinary policies fit. */
const MAX_CHARS = 8 * 1024 * 1024;

const FORBIDDEN = /(?:^|[.[\]"'])(?:__proto__|constructor|prototype)(?=$|[.[\]"'])/;

/**
 * Copies a configuration into plain, frozen data: what was checked is what is in force, whatever happens to the
 * original. Each getter is read once.
 * @param value Anything: a parsed file, an object from code.
 * @param issues Receives what data cannot be: circles, too much, functions, NaN, forbidden names.
 * @returns The copy, or undefined when it could not be finished.
 */
export function readDocument(value: unknown, issues: IssueList): JsonValue | undefined {
  const reader = new DocumentReader(issues);
  try {
    return reader.read(value, []);
  } catch (error) {
    if (error instanceof TooMuch) issues.add([], error.message, error.suggestion);
    else issues.add([], "could not be read: a getter or a proxy in it failed", "pass plain data");
    return undefined;
  }
}

class TooMuch extends Error {
  readonly suggestion: string;
  constructor(message: string, suggestion: string) {
    super(message);
    this.suggestion = suggestion;
  }
}

class DocumentReader {
  readonly #issues: IssueList;
  readonly #open = new Set<object>();
  #chars = 0;

  constructor(issues: IssueList) {
    this.#issues = issues;
  }

  read(value: unknown, path: readonly (string | number)[]): JsonValue | undefined {
    this.#chars += typeof value === "string" ? value.length + 3 : 4;
    if (this.#chars > MAX_CHARS) {
      throw new TooMuch(`is larger than ${MAX_CHARS / 1024 / 1024} MiB`, "split it into several files");
    }
    if (value === null || typeof value === "boolean") return value;
    if (typeof value === "string") return this.#text(value, path);
    if (typeof value === "number") {
      if (Number.isFinite(value)) return value;
      return this.#refuse(path, `must be a finite number, not ${value}`);
    }
    if (typeof value === "object") return this.#container(value, path);
    return this.#refuse(
      path,
      `must be plain data, not ${value === undefined ? "undefined" : `a ${typeof value}`}`,
    );
  }

  #text(text: string, path: readonly (string | number)[]): JsonValue | undefined {
    const isPath = text.startsWith("$.") || text.startsWith("$[");
    if (!isPath || !FORBIDDEN.test(text)) return text;
    return this.#refuse(path, "is a path through a forbidden name (__proto__, constructor, prototype)");
  }

  #container(value: object, path: readonly (string | number)[]): JsonValue | undefined {
    if (this.#open.has(value)) return this.#refuse(path, "contains itself");
    if (path.length >= MAX_DEPTH) {
      throw new TooMuch(`is nested deeper than ${MAX_DEPTH} levels`, "a policy needs fewer than ten");
    }
    this.#open.add(value);
    try {
      return Array.isArray(value) ? this.#list(value, path) : this.#object(value, path);
    } finally {
      this.#open.delete(value);
    }
  }

  #list(list: readonly unknown[], path: readonly (string | number)[]): JsonValue {
    const items: JsonValue[] = [];
    for (let index = 0; index < list.length; index++) {
      const item = this.read(list[index], [...path, index]);
      items.push(item ?? null);
    }
    return Object.freeze(items);
  }

  #object(value: object, path: readonly (string | number)[]): JsonValue | undefined {
    const prototype: unknown = Object.getPrototypeOf(value);
    // One step up must be the end: an ordinary object of any realm, or one without a prototype.
    if (prototype !== null && Object.getPrototypeOf(prototype) !== null) {
      const name = value.constructor?.name;
      return this.#refuse(
        path,
        `must be plain data, not a ${typeof name === "string" && name !== "" ? name : "class"}`,
      );
    }
    const copy: Record<string, JsonValue> = {};
    for (const key of Object.keys(value)) {
      this.#chars += key.length + 3;
      if (FORBIDDEN.test(key)) {
        this.#refuse([...path, key], "is a forbidden name (__proto__, constructor, prototype)");
        continue;
      }
      // Own enumerable names only, so the value may have any of them.
      const member = (value as Readonly<Record<string, unknown>>)[key];
      if (member === undefined) continue;
      const read = this.read(member, [...path, key]);
      if (read !== undefined) copy[key] = read;
    }
    return Object.freeze(copy);
  }

  #refuse(path: readonly (string | number)[], message: string): undefined {
    this.#issues.add(path, message, "policies are plain JSON data");
    return undefined;
  }
}
