import { recordOf, type JsonRecord } from "../frame/json.ts";
import { hasWords } from "../judge/words.ts";
import { isTextMember, membersHeard, says, type Hear } from "./heard-members.ts";
import { OF_NAMED_SCHEMAS, OF_SCHEMAS, OF_TEXTS, OF_VALUES, OWN_WORDS } from "./json-schema.ts";
import { loosened } from "./loosened-schema.ts";

/** Hears what a schema says, and that something is gone by which a value was wrong. */
interface Walk {
  readonly hear: Hear;
  readonly lose: () => void;
}

/**
 * What is left of a schema: of every text in it rules were asked. Members by which a value is wrong are as they were or not
 * there, since a client that checks its calls would take what rules have written for what the server wants; the schema
 * allows whatever it did.
 */
export function schemaHeard(schema: unknown, hear: Hear): unknown {
  let isLess = false;
  const left = valueHeard(schema, { hear, lose: () => (isLess = true) });
  return isLess ? loosened(left) : left;
}

function valueHeard(value: unknown, walk: Walk): unknown {
  if (Array.isArray(value)) return value.map((one) => valueHeard(one, walk));
  const record = recordOf(value);
  return record === undefined
    ? value
    : membersHeard(record, (name, inner, add) => add(memberHeard(name, inner, walk)));
}

function memberHeard(name: string, value: unknown, walk: Walk): JsonRecord {
  const { hear, lose } = walk;
  if (isTextMember(name, value)) return hear({ [name]: value }, "text");
  const named = OF_NAMED_SCHEMAS.has(name) ? recordOf(value) : undefined;
  if (named !== undefined) return { [name]: namedHeard(name, named, walk) };
  const isOfSchemas = OF_SCHEMAS.has(name) || OF_NAMED_SCHEMAS.has(name);
  // A text where a schema belongs is heard with its member.
  if (isOfSchemas && !holdsText(value)) return { [name]: valueHeard(value, walk) };
  const isOfValues = isOfSchemas || OF_VALUES.has(name);
  if (isOfValues && isSilent(name, value)) return { [name]: value };
  const shown = hear({ [name]: value }, OF_TEXTS.has(name) || says({ [name]: value }) ? "text" : "name");
  if (!isOfValues || isSame(shown[name], value)) return shown;
  lose();
  const others = name === "required" ? stillThere(value, shown[name]) : [];
  return others.length === 0 ? NOTHING : { [name]: others };
}

const NOTHING: JsonRecord = Object.freeze({});

/** Each member under its name. One whose name may not be said is not there, but a property may have what is left of it. */
function namedHeard(member: string, record: JsonRecord, walk: Walk): JsonRecord {
  return membersHeard(record, (name, schema, add) => {
    const said = { propertyNames: name };
    const { propertyNames: shown } = walk.hear(said, says(name) ? "text" : "name");
    if (shown !== name) walk.lose();
    const inner = holdsText(schema) ? textHeard(schema, walk) : valueHeard(schema, walk);
    if (typeof shown !== "string" || inner === undefined) return;
    if (shown === name || member === "properties") add({ [shown]: inner });
  });
}

/** A text, or a list with texts, where a schema belongs. */
function textHeard(schema: unknown, { hear, lose }: Walk): unknown {
  const { schema: shown } = hear({ schema }, says(schema) ? "text" : "name");
  if (isSame(shown, schema)) return schema;
  lose();
  return undefined;
}

/** Whether it says nothing, or no more than JSON Schema has a word for. */
function isSilent(name: string, value: unknown): boolean {
  const own = OWN_WORDS.get(name);
  return !hasWords(value) || (own !== undefined && [value].flat().every((word) => own.has(word)));
}

function holdsText(value: unknown): boolean {
  return typeof value === "string" || (Array.isArray(value) && value.some(holdsText));
}

/** What of a list rules have left as it was. */
function stillThere(before: unknown, after: unknown): readonly unknown[] {
  if (!Array.isArray(before) || !Array.isArray(after) || before.length !== after.length) return [];
  return before.filter((one, at) => one === after[at]);
}

function isSame(one: unknown, other: unknown): boolean {
  return one === other || JSON.stringify(one) === JSON.stringify(other);
}
