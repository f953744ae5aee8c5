import { quoted } from "../base/json-text.ts";
import { isSameList } from "../base/same-list.ts";
import { isForbiddenName } from "./forbidden-name.ts";
import { isSecretField } from "./literal-secret.ts";

/** What is known about all objects with the same member names in the same order: found out once per load. */
export interface ObjectShape {
  readonly keys: readonly string[];
  /** Each name as canonical JSON writes it before its value: `"limit":`. */
  readonly labels: readonly string[];
  /** The positions in canonical order; undefined when the names are written in it. */
  readonly order: readonly number[] | undefined;
  /** Which names no policy may use; undefined when it may use all of them. */
  readonly forbidden: readonly boolean[] | undefined;
  /** Which names mean that a text is a secret; undefined when none does. */
  readonly secret: readonly boolean[] | undefined;
  readonly hasHeadroom: boolean;
}

/** Customers name arguments and tags: more shapes than this are not worth remembering. */
const MAX_SHAPES = 1_000;
/** How many shapes that start with one name are compared. */
const MAX_COMPARED = 8;

/** Finds the shape of objects by their names, without joining these to a key. */
export class ObjectShapes {
  readonly #byFirst = new Map<string, ObjectShape[]>();
  #count = 0;

  of(keys: readonly string[]): ObjectShape {
    const [first] = keys;
    if (first === undefined) return EMPTY_SHAPE;
    const known = this.#byFirst.get(first);
    for (const shape of known ?? []) if (isSameList(shape.keys, keys)) return shape;
    const shape = shapeOf(keys);
    if (this.#count >= MAX_SHAPES || (known?.length ?? 0) >= MAX_COMPARED) return shape;
    this.#count++;
    if (known === undefined) this.#byFirst.set(first, [shape]);
    else known.push(shape);
    return shape;
  }
}

/**
 * Canonical JSON of an object.
 * @param texts Label and value of each member, by position; a hole where there is none.
 */
export function membersText(texts: readonly (string | undefined)[], order: readonly number[]): string {
  let text = "";
  for (const at of order) {
    const member = texts[at];
    if (member !== undefined) text += text === "" ? member : `,${member}`;
  }
  return `{${text}}`;
}

function shapeOf(keys: readonly string[]): ObjectShape {
  const forbidden = keys.map(isForbiddenName);
  const secret = keys.map(isSecretField);
  return {
    keys,
    labels: keys.map((key) => `${quoted(key)}:`),
    order: canonicalOrder(keys),
    forbidden: forbidden.includes(true) ? forbidden : undefined,
    secret: secret.includes(true) ? secret : undefined,
    hasHeadroom: keys.includes("headroom"),
  };
}

/** By UTF-16 code units, as RFC 8785 section 3.2.3 asks. */
function canonicalOrder(keys: readonly string[]): readonly number[] | undefined {
  if (keys.every((key, at) => at === 0 || keys[at - 1]! < key)) return undefined;
  return keys.map((_key, at) => at).toSorted((a, b) => (keys[a]! < keys[b]! ? -1 : 1));
}

const EMPTY_SHAPE: ObjectShape = shapeOf([]);
