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
    if (isWhole || isText(name, value)) add(hear({ [name]: value }));
    else add({ [name]: heard(value, hear, SCHEMAS.has(name) ? "schema" : "plain") });
  });
}

function heard(value: unknown, hear: Hear, place: Place): unknown {
  if (Array.isArray(value)) return value.map((one) => heard(one, hear, place));
  const record = recordOf(value);
  if (record === undefined) return value;
  if (place === "names")
    return membersHeard(record, (name, inner, add) => add(propertyHeard(name, inner, hear)));
  return membersHeard(record, (name, inner, add) => {
    if (isText(name, inner) || (place === "schema" && isOfSchema(name, inner))) add(hear({ [name]: inner }));
    else add({ [name]: heard(inner, hear, place === "schema" && NAMED.has(name) ? "names" : place) });
  });
}

/** A property and its schema; where nothing may be left of its name, neither is there. */
function propertyHeard(name: string, schema: unknown, hear: Hear): JsonRecord {
  const { propertyNames: shown } = SAYS.test(name) ? hear({ propertyNames: name }) : { propertyNames: name };
  const inner = heard(schema, hear, "schema");
  return typeof shown === "string" ? { [shown]: inner } : NOTHING;
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
  if (SAYS.test(name)) return true;
  if (typeof value === "string") return SAYS.test(value);
  return Array.isArray(value) && value.some((one) => typeof one === "string" && SAYS.test(one));
}
