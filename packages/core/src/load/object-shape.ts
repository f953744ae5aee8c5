import { isSameList } from "../base/same-list.ts";
import { isForbiddenName } from "./forbidden-name.ts";
import { isSecretField } from "./literal-secret.ts";

/** What is known about all objects with the same member names in the same order: found out once per load. */
export interface ObjectShape {
  readonly keys: readonly string[];
  /** Which names no policy may use; undefined when it may use all of them. */
  readonly forbidden: readonly boolean[] | undefined;
  /** Which names mean that a text is a secret; undefined when none does. */
  readonly secret: readonly boolean[] | undefined;
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
    for (let at = 0; at < (known?.length ?? 0); at++) {
      const shape = known![at]!;
      if (isSameList(shape.keys, keys)) return shape;
    }
    const shape = shapeOf(keys);
    if (this.#count >= MAX_SHAPES || (known?.length ?? 0) >= MAX_COMPARED) return shape;
    this.#count++;
    if (known === undefined) this.#byFirst.set(first, [shape]);
    else known.push(shape);
    return shape;
  }
}

function shapeOf(keys: readonly string[]): ObjectShape {
  const forbidden = keys.map(isForbiddenName);
  const secret = keys.map(isSecretField);
  return {
    keys,
    forbidden: forbidden.includes(true) ? forbidden : undefined,
    secret: secret.includes(true) ? secret : undefined,
  };
}

const EMPTY_SHAPE: ObjectShape = shapeOf([]);
