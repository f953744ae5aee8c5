import { isJsonObject, type JsonValue } from "../base/json.ts";
import { ownMember } from "../base/own-member.ts";
import { pathText } from "../base/path-text.ts";

/** Where a value lies: member names and positions from the root. */
export type ValuePath = readonly (string | number)[];

/** One value that differs. Absent `before`: it was added. Absent `after`: it was removed. */
export interface ValueChange {
  readonly change: "added" | "removed" | "changed";
  /** For people, such as `$.selector.tenants[0]`. */
  readonly path: string;
  /** The same for programs. */
  readonly at: ValuePath;
  readonly before?: JsonValue;
  readonly after?: JsonValue;
}

/**
 * Compares two JSON values, member by member.
 * @param before Old value; undefined when there was none.
 * @param after New value; undefined when there is none.
 * @param at Where both lie. Default: the root.
 * @returns The changes, in order of the path. Lists of different length differ as a whole: positions in them mean
 *   nothing to people.
 */
export function diffValues(
  before: JsonValue | undefined,
  after: JsonValue | undefined,
  at: ValuePath = [],
): readonly ValueChange[] {
  if (before === undefined && after === undefined) return [];
  if (before === undefined) return [{ change: "added", path: pathText("$", at), at, after: after ?? null }];
  if (after === undefined) return [{ change: "removed", path: pathText("$", at), at, before }];
  if (isJsonObject(before) && isJsonObject(after)) {
    const names = new Set([...Object.keys(before), ...Object.keys(after)]);
    return [...names]
      .toSorted()
      .flatMap((name) => diffValues(ownMember(before, name), ownMember(after, name), [...at, name]));
  }
  if (Array.isArray(before) && Array.isArray(after) && before.length === after.length) {
    return before.flatMap((item: JsonValue, index) => diffValues(item, after[index], [...at, index]));
  }
  return before === after ? [] : [{ change: "changed", path: pathText("$", at), at, before, after }];
}
