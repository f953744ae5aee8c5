// The names are those of JSON Schema 2020-12 and of draft 7. What a schema says under any other means nothing to who checks by it.

/** Members of a schema that hold one, or a list of them. */
export const OF_SCHEMAS: ReadonlySet<string> = setOf(
  "items prefixItems additionalItems contains additionalProperties unevaluatedProperties unevaluatedItems",
  "propertyNames allOf anyOf oneOf not if then else contentSchema",
);

/** Members whose own members are schemas, named by whoever wrote them. */
export const OF_NAMED_SCHEMAS: ReadonlySet<string> = setOf(
  "properties patternProperties dependentSchemas dependencies $defs definitions",
);

/** Members that hold no schema, and by which a value may be wrong. */
export const OF_VALUES: ReadonlySet<string> = setOf(
  "type format enum const required dependentRequired pattern multipleOf minimum maximum exclusiveMinimum",
  "exclusiveMaximum minLength maxLength minItems maxItems uniqueItems minContains maxContains minProperties",
  "maxProperties contentMediaType contentEncoding $ref $dynamicRef $recursiveRef $id $schema $anchor",
  "$dynamicAnchor $recursiveAnchor $vocabulary",
);

/** Members by which no value is wrong. */
export const NOTES: ReadonlySet<string> = setOf("title description default examples $comment");

/** Members in which all is a text, however short: what is said beside, and values that a model is to choose. */
export const OF_TEXTS: ReadonlySet<string> = setOf("default examples $comment const enum");

/** What forbids more the less the rest of a schema says. */
export const FORBIDS_MORE: ReadonlySet<string> = setOf(
  "not if maxContains additionalProperties unevaluatedProperties unevaluatedItems $dynamicRef $recursiveRef",
);

/** Words of JSON Schema's own, by the member that holds them. */
export const OWN_WORDS: ReadonlyMap<string, ReadonlySet<unknown>> = new Map([
  ["type", setOf("string number integer boolean object array null")],
  [
    "format",
    setOf(
      "date-time date time duration email idn-email hostname idn-hostname ipv4 ipv6 uri uri-reference iri",
      "iri-reference uuid uri-template json-pointer relative-json-pointer regex byte int32 int64 float double",
    ),
  ],
]);

function setOf(...lines: readonly string[]): ReadonlySet<string> {
  return new Set(lines.flatMap((names) => names.split(" ")));
}
