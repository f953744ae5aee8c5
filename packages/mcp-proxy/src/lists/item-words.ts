import { recordOf, type JsonRecord } from "../frame/json.ts";
import { hasWords } from "../judge/words.ts";

/** Members whose text a model or a person reads. */
const WORDS = new Set(["title", "description"]);
/** Members of an item that say how it is used: of what stands in them, only words may change. */
const USAGE = new Set([
  "name",
  "uri",
  "uriTemplate",
  "mimeType",
  "size",
  "icons",
  "arguments",
  "inputSchema",
  "outputSchema",
  "execution",
]);
/** A model reads all of them (JSON Schema 2020-12). */
const SCHEMAS = new Set(["inputSchema", "outputSchema"]);
/** What a schema says of values: without it, more of them are right, and the server still refuses those that are not. */
const OF_VALUES = new Set(["default", "examples", "const", "enum", "$comment"]);
/** Members of a schema whose own members are named by whoever wrote it. */
const NAMED = new Set(["properties", "patternProperties", "dependentSchemas", "$defs", "definitions"]);
/** What allows less the less it says: of such a member all is left out where something in it is. */
const ALL_OR_NOTHING = new Set(["oneOf", "not", "if", "contains"]);
/** What is about the properties that are not named: with a name left out, these go too. */
const ABOUT_OTHERS = new Set(["additionalProperties", "unevaluatedProperties"]);
/** What no value is wrong by. */
const NOTES = new Set([...WORDS, "default", "examples", "$comment"]);
/** What stands in a schema to be read by machines is shorter, and one word. */
const SAYS = /[\s@]|.{65}/su;

/** Where in an item a value stands. */
type Place = "plain" | "schema" | "names";
/** Hears a text under its name, since rules may go by that. @returns What is left of it; one of which nothing is left is not there. */
type Hear = (words: JsonRecord) => JsonRecord;

const NOTHING: JsonRecord = Object.freeze({});

/** Every text of an item that may change, in order. What is no usage is heard as a whole. */
export function wordsOf(item: JsonRecord): readonly JsonRecord[] {
  const words: JsonRecord[] = [];
  itemHeard(item, (one) => {
    words.push(one);
    return one;
  });
  return words;
}

/** The item with what is left of these texts, in the same order. */
export function withWords(item: JsonRecord, left: readonly JsonRecord[]): JsonRecord {
  let at = 0;
  return itemHeard(item, () => left[at++] ?? NOTHING);
}

function itemHeard(item: JsonRecord, hear: Hear): JsonRecord {
  return membersHeard(item, (name, value, add) => {
    const isWhole = !USAGE.has(name) && hasWords({ [name]: value });
    const isLoose = SCHEMAS.has(name) && saysByItself(value);
    if (isWhole || isLoose || isText(name, value)) add(hear({ [name]: value }));
    else add({ [name]: heard(value, hear, SCHEMAS.has(name) ? "schema" : "plain") });
  });
}

function heard(value: unknown, hear: Hear, place: Place): unknown {
  if (Array.isArray(value)) return value.map((one) => heard(one, hear, place));
  const record = recordOf(value);
  if (record === undefined) return value;
  if (place === "names")
    return membersHeard(record, (name, inner, add) => add(propertyHeard(name, inner, hear)));
  return place === "schema" ? schemaHeard(record, hear) : plainHeard(record, hear);
}

function plainHeard(record: JsonRecord, hear: Hear): JsonRecord {
  return membersHeard(record, (name, inner, add) => {
    if (isText(name, inner)) add(hear({ [name]: inner }));
    else add({ [name]: heard(inner, hear, "plain") });
  });
}

function schemaHeard(record: JsonRecord, hear: Hear): JsonRecord {
  const left = membersHeard(record, (name, inner, add) => {
    if (isText(name, inner) || isOfSchema(name, inner)) return add(hear({ [name]: inner }));
    const [value, isLess] = heardWhole(inner, hear, NAMED.has(name) ? "names" : "schema");
    if (!isLess || !ALL_OR_NOTHING.has(name)) add({ [name]: value });
  });
  const isAnyNameLost = ["properties", "patternProperties"].some((member) => {
    return sizeOf(left[member]) < sizeOf(record[member]);
  });
  if (!isAnyNameLost) return left;
  return Object.fromEntries(Object.entries(left).filter(([name]) => !ABOUT_OTHERS.has(name)));
}

/** What is left of a value, and whether it forbids something else than it did. */
function heardWhole(value: unknown, hear: Hear, place: Place): readonly [unknown, boolean] {
  let isLess = false;
  const left = heard(
    value,
    (words) => {
      const shown = hear(words);
      isLess ||= Object.keys(words).some((name) => !NOTES.has(name) && !Object.hasOwn(shown, name));
      return shown;
    },
    place,
  );
  return [left, isLess];
}

/** A property and its schema; where nothing may be left of its name, neither is there. */
function propertyHeard(name: string, schema: unknown, hear: Hear): JsonRecord {
  const { propertyNames: shown } = SAYS.test(name) ? hear({ propertyNames: name }) : { propertyNames: name };
  const { schema: inner } = saysByItself(schema)
    ? hear({ schema })
    : { schema: heard(schema, hear, "schema") };
  return typeof shown === "string" && inner !== undefined ? { [shown]: inner } : NOTHING;
}

function sizeOf(value: unknown): number {
  return Object.keys(recordOf(value) ?? {}).length;
}

/** @param visit Adds what is to be there in the place of a member. */
function membersHeard(
  record: JsonRecord,
  visit: (name: string, value: unknown, add: (left: JsonRecord) => void) => void,
): JsonRecord {
  const members = new Map<string, unknown>();
  const isTaken = (name: string): boolean =>
    USAGE.has(name) || Object.hasOwn(record, name) || members.has(name);
  for (const [name, value] of Object.entries(record))
    visit(name, value, (left) => {
      for (const [now, inner] of Object.entries(left))
        members.set(now === name ? now : freeName(now, isTaken), inner);
    });
  return Object.fromEntries(members);
}

/** What was made of a name is no other member's. */
function freeName(name: string, isTaken: (name: string) => boolean): string {
  if (!isTaken(name)) return name;
  let number = 2;
  while (isTaken(`${name}_${number}`)) number++;
  return `${name}_${number}`;
}

function isText(name: string, value: unknown): boolean {
  return typeof value === "string" && WORDS.has(name);
}

/** Whether a member of a schema is heard as a whole: it says something, or is of values. */
function isOfSchema(name: string, value: unknown): boolean {
  if (OF_VALUES.has(name)) return hasWords(value);
  return SAYS.test(name) || saysByItself(value);
}

/** Whether something is said where a schema has none of its own members for it: in a text, or in lists of texts. */
function saysByItself(value: unknown): boolean {
  if (typeof value === "string") return SAYS.test(value);
  return Array.isArray(value) && value.some(saysByItself);
}
