import * as fc from "fast-check";
import { expect, test } from "vitest";

import { JsonCursor } from "../../src/frame/json-cursor.ts";
import { isPlainJson } from "../../src/frame/plain-json.ts";

const MAX_DEPTH = 4;

/** JSON as no `JSON.stringify` would write it: names come again, in other cases and spellings, and texts look like members. */
const { text: anyText } = fc.letrec<{ text: string }>((tie) => ({
  text: fc.oneof(
    { maxDepth: MAX_DEPTH + 2 },
    fc.constantFrom("1", "null", '"a"', '"\\":{"', '"x:y"', "[]", "{}"),
    fc.array(tie("text"), { maxLength: 3 }).map((items) => `[${items.join(" , ")}]`),
    fc
      .array(
        fc.tuple(
          fc.constantFrom("a", "b", "A", "\\u0061", "params", "Params", "ref", "__proto__", "ſ", "s"),
          tie("text"),
        ),
        { maxLength: 4 },
      )
      .map((members) => `{${members.map(([name, value]) => `"${name}" : ${value}`).join(",")}}`),
  ),
}));

test("what passes at a glance is what the walk over every name finds nothing in (property)", () => {
  let passed = 0;
  fc.assert(
    fc.property(anyText, (text) => {
      const isPlain = isPlainJson(text, JSON.parse(text), MAX_DEPTH);
      if (isPlain) passed++;
      return !isPlain || new JsonCursor(text, MAX_DEPTH).problem() === undefined;
    }),
    { numRuns: 2_000 },
  );
  // Else the law would hold of nothing.
  expect(passed).toBeGreaterThan(100);
});

test.each([
  '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","arguments":{"Name":1,"name":2},"_meta":{"progressToken":"x"}}}',
  '{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"{\\"a\\":1}"}],"isError":false}}',
  '[{"a":1},{"a":2}]',
])("most messages pass at a glance: %s", (text) => {
  expect(isPlainJson(text, JSON.parse(text), 128)).toBe(true);
});

test.each([
  ['{"a":1,"a":2}', "duplicate_key"],
  ['{"a":{"b":1,"c":2},"a":{"b":1}}', "duplicate_key"],
  ['{"params":{"name":"a","Name":"b"}}', "ambiguous_key"],
  ['[{"method":"a","Method":"b"}]', "ambiguous_key"],
  ["[[[[[1]]]]]", "too_deep"],
])("looks closer at %s", (text, problem) => {
  expect(isPlainJson(text, JSON.parse(text), MAX_DEPTH)).toBe(false);
  expect(new JsonCursor(text, MAX_DEPTH).problem()).toBe(problem);
});
