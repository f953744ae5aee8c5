import { recordOf, type JsonRecord } from "../frame/json.ts";
import { hasWords } from "../judge/words.ts";
import { isTextMember, membersHeard, says, type Hear, type Saying } from "./heard-members.ts";
import { schemaHeard } from "./schema-words.ts";

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
/** What of an argument, an icon or an execution says how it is used. */
const INNER_USAGE = new Set(["name", "required", "src", "mimeType", "sizes", "theme", "taskSupport"]);

/** A text of an item, and whether something is used by it. */
export interface ItemWords {
  readonly words: JsonRecord;
  readonly saying: Saying;
}

const NOTHING: JsonRecord = Object.freeze({});

/** Every text of an item that may change, in order. What is no usage is heard as a whole. */
export function wordsOf(item: JsonRecord): readonly ItemWords[] {
  const heard: ItemWords[] = [];
  itemHeard(item, (words, saying) => {
    heard.push({ words, saying });
    return words;
  });
  return heard;
}

/** The item with what is left of these texts, in the same order. */
export function withWords(item: JsonRecord, left: readonly JsonRecord[]): JsonRecord {
  let at = 0;
  return itemHeard(item, () => left[at++] ?? NOTHING);
}

function itemHeard(item: JsonRecord, hear: Hear): JsonRecord {
  return membersHeard(item, (name, value, add) => {
    const isSchema = SCHEMAS.has(name) && recordOf(value) !== undefined;
    if (isSchema) return add({ [name]: schemaHeard(value, hear) });
    const isWhole = !USAGE.has(name) || (SCHEMAS.has(name) && value !== undefined);
    const isHeard = isTextMember(name, value) || (isWhole && hasWords({ [name]: value }));
    add(isHeard ? hear({ [name]: value }, "text") : { [name]: innerHeard(value, hear) });
  });
}

function innerHeard(value: unknown, hear: Hear): unknown {
  if (Array.isArray(value)) return value.map((one) => innerHeard(one, hear));
  const record = recordOf(value);
  if (record === undefined) return value;
  return membersHeard(record, (name, inner, add) => {
    if (INNER_USAGE.has(name)) return add({ [name]: innerHeard(inner, hear) });
    add(hear({ [name]: inner }, isTextMember(name, inner) || says({ [name]: inner }) ? "text" : "name"));
  });
}
