import { recordOf } from "../frame/json.ts";
import { FORBIDS_MORE, NOTES, OF_NAMED_SCHEMAS, OF_SCHEMAS } from "./json-schema.ts";

/**
 * A schema of which something was left out, without all by which that would forbid what it had allowed: what is said of
 * properties that are not named, what must not be, what exactly one may be, and what refers to a place that is not there.
 * @param root Where what refers to a place looks for it.
 */
export function loosened(schema: unknown, root: unknown = schema): unknown {
  if (Array.isArray(schema)) return schema.map((one) => loosened(one, root));
  const record = recordOf(schema);
  if (record === undefined) return schema;
  // Beside a reference draft 7 heeds nothing: without it, what stands there would count.
  if (record["$ref"] !== undefined && !leadsSomewhere(record["$ref"], root))
    return Object.fromEntries(Object.entries(record).filter(([name]) => NOTES.has(name)));
  const left: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(record)) {
    if (FORBIDS_MORE.has(name)) continue;
    if (OF_NAMED_SCHEMAS.has(name)) left[name] = namedLoosened(value, root);
    else left[name] = OF_SCHEMAS.has(name) ? loosened(value, root) : value;
  }
  const { oneOf, ...others } = left;
  if (oneOf === undefined) return left;
  // Of what is left more than one may be right.
  return Object.hasOwn(others, "anyOf") ? others : { ...others, anyOf: oneOf };
}

function namedLoosened(value: unknown, root: unknown): unknown {
  const schemas = Object.entries(recordOf(value) ?? {});
  return Object.fromEntries(schemas.map(([name, schema]) => [name, loosened(schema, root)]));
}

const DEFINITION = /^#\/(\$defs|definitions)\/([^/]+)$/;

/** Whether a reference is to what is never left out: the whole schema, or a definition of it that is there (RFC 6901). */
function leadsSomewhere(reference: unknown, root: unknown): boolean {
  if (reference === "#") return true;
  const [, member = "", step = ""] = DEFINITION.exec(String(reference)) ?? [];
  const name = decoded(step).replaceAll("~1", "/").replaceAll("~0", "~");
  return Object.hasOwn(recordOf(recordOf(root)?.[member]) ?? {}, name);
}

function decoded(step: string): string {
  try {
    return decodeURIComponent(step);
  } catch {
    // No escape: it is the name itself.
    return step;
  }
}
