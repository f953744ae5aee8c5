import * as fc from "fast-check";
import { describe, expect, test } from "vitest";

import { AgentplaneError } from "../../src/base/errors.ts";
import type { JsonValue } from "../../src/base/json.ts";
import { createPorts } from "../../src/base/runtime.ts";
import type { RedactDuty, Treatment } from "../../src/context/redact-plan.ts";
import { redact, redactText, type RedactDeps } from "../../src/context/redact.ts";
import { hasOpaque, snapshot, thaw } from "../../src/context/snapshot.ts";
import { fakeScanner } from "./fake-scanner.ts";
import { looseParts } from "./frozen.ts";

const { hash } = createPorts();
const deps: RedactDeps = { scanner: fakeScanner(), hash, channel: "tool_result" };

function duty(of: Partial<RedactDuty>): RedactDuty {
  return { fields: [], detect: [], treatment: "mask", ...of };
}

function hashed(text: string): string {
  return `[EMAIL:${hash.sha256(text).slice(0, 8)}]`;
}

function shown(value: unknown, ...duties: readonly RedactDuty[]): unknown {
  return thaw(redact(snapshot(value), duties, deps));
}

describe("fields", () => {
  test("replaces the whole value under a matching name, at any depth and in any case", () => {
    const value = {
      id: 1,
      SSN: "123",
      rows: [{ owner: { api_KEY: { deep: ["x"] } } }, { ssn: null }],
      ssnHint: "y",
    };
    expect(shown(value, duty({ fields: ["ssn", "*_key"] }))).toStrictEqual({
      id: 1,
      SSN: "[REDACTED]",
      rows: [{ owner: { api_KEY: "[REDACTED]" } }, { ssn: "[REDACTED]" }],
      ssnHint: "y",
    });
  });

  const treatments: readonly Treatment[] = ["drop", "mask", "hash", "tokenise"];

  test.for<[Treatment, unknown]>([
    ["drop", { b: 1 }],
    ["mask", { a: "[REDACTED]", b: 1 }],
    ["hash", { a: `[REDACTED:${hash.sha256("v").slice(0, 8)}]`, b: 1 }],
    ["tokenise", { a: "[REDACTED_1]", b: 1 }],
  ])("treats by %s where every other duty is weaker", ([strongest, expected]) => {
    const weaker = treatments.slice(treatments.indexOf(strongest));
    const duties = weaker.map((treatment) => duty({ fields: ["a"], treatment }));
    expect(shown({ a: "v", b: 1 }, ...duties)).toStrictEqual(expected);
    expect(shown({ a: "v", b: 1 }, ...duties.toReversed())).toStrictEqual(expected);
  });

  test("matches what detection makes of a name, too", () => {
    const both = [duty({ detect: ["card"], treatment: "drop" }), duty({ fields: ["ssn"] })];
    expect(shown({ "4111111111111111ssn": 1 }, ...both)).toStrictEqual({ ssn: "[REDACTED]" });
  });

  test("numbers equal values alike and hashes them alike", () => {
    const value = [{ k: "x" }, { k: { a: 1, b: 2 } }, { k: "x" }, { k: { b: 2, a: 1 } }];
    expect(shown(value, duty({ fields: ["k"], treatment: "tokenise" }))).toStrictEqual([
      { k: "[REDACTED_1]" },
      { k: "[REDACTED_2]" },
      { k: "[REDACTED_1]" },
      { k: "[REDACTED_2]" },
    ]);
    const [first, second, third] = shown(value, duty({ fields: ["k"], treatment: "hash" })) as object[];
    expect(first).toStrictEqual(third);
    expect(first).not.toStrictEqual(second);
  });

  test("matches names that look like prototypes, without touching one", () => {
    const value: unknown = JSON.parse('{"__proto__":"s","constructor":"t","a":"u"}');
    const taken = redact(snapshot(value), [duty({ fields: ["__proto__", "constructor"] })], deps);
    expect(JSON.stringify(taken)).toBe('{"__proto__":"[REDACTED]","constructor":"[REDACTED]","a":"u"}');
  });

  test("answers the same for a name after very many others", () => {
    const one = duty({ fields: ["secret*"] });
    for (let at = 0; at < 3_000; at++) expect(shown({ [`k${at}`]: 1 }, one)).toStrictEqual({ [`k${at}`]: 1 });
    expect(shown({ secret1: 1, [`secret${"x".repeat(100)}`]: 2 }, one)).toStrictEqual({
      secret1: "[REDACTED]",
      [`secret${"x".repeat(100)}`]: "[REDACTED]",
    });
  });
});

describe("detected text", () => {
  test("replaces findings in nested texts and in member names", () => {
    const value = { "me@here.com": [["write to me@here.com now"]], b: { c: "no" } };
    expect(shown(value, duty({ detect: ["email"] }))).toStrictEqual({
      "[EMAIL]": [["write to [EMAIL] now"]],
      b: { c: "no" },
    });
  });

  test("keeps all members whose names become one", () => {
    expect(shown({ "a@b.c": 1, "d@e.f": 2 }, duty({ detect: ["email"] }))).toStrictEqual({
      "[EMAIL]": 1,
      "[EMAIL]_2": 2,
    });
  });

  test("writes each treatment", () => {
    const text = "a@b.c then d@e.f then a@b.c";
    expect(shown(text, duty({ detect: ["email"], treatment: "drop" }))).toBe(" then  then ");
    expect(shown(text, duty({ detect: ["email"] }))).toBe("[EMAIL] then [EMAIL] then [EMAIL]");
    expect(shown(text, duty({ detect: ["email"], treatment: "hash" }))).toBe(
      `${hashed("a@b.c")} then ${hashed("d@e.f")} then ${hashed("a@b.c")}`,
    );
    expect(shown(text, duty({ detect: ["email"], treatment: "tokenise" }))).toBe(
      "[EMAIL_1] then [EMAIL_2] then [EMAIL_1]",
    );
  });

  test("numbers equal text alike over the whole value", () => {
    expect(
      shown(["a@b.c", { x: "d@e.f" }, "a@b.c"], duty({ detect: ["email"], treatment: "tokenise" })),
    ).toStrictEqual(["[EMAIL_1]", { x: "[EMAIL_2]" }, "[EMAIL_1]"]);
  });

  test("covers the union of overlapping findings, with the strongest treatment, whatever the order of duties", () => {
    const duties = [
      duty({ detect: ["email"], treatment: "drop" }),
      duty({ detect: ["word"], treatment: "hash" }),
    ];
    for (const order of [duties, duties.toReversed()]) {
      expect(shown("my secret a@b.c.", ...order)).toBe("my ");
    }
    const masked = [duty({ detect: ["email"], treatment: "tokenise" }), duty({ detect: ["word"] })];
    expect(shown("my secret a@b.c, yes", ...masked)).toBe("my [WORD], yes");
  });

  test("looks again at what dropping joins together", () => {
    const text = shown(
      "abc1234567890123456@b.c@d.e",
      duty({ detect: ["email", "card"], treatment: "drop" }),
    ) as string;
    expect(text).not.toMatch(/[a-z]+@[a-z]+\.[a-z]+/);
    expect(shown("x@a@b.cb.c", duty({ detect: ["email"], treatment: "drop" }))).not.toContain("@b.c");
  });

  test("finds large whole numbers, which become texts", () => {
    expect(shown({ card: 4111111111111111, n: 12 }, duty({ detect: ["card"] }))).toStrictEqual({
      card: "[CARD]",
      n: 12,
    });
  });

  test("leaves nothing out of a text that the scanner looks at in part only", () => {
    const partly: RedactDeps = { ...deps, scanner: fakeScanner(50_000) };
    const filler = ".".repeat(70_000);
    const text = `${filler}a@b.c${filler}d@e.f${filler}`;
    expect(redactText(text, [duty({ detect: ["email"] })], partly)).toBe(
      `${filler}[EMAIL]${filler}[EMAIL]${filler}`,
    );
    const blind: RedactDeps = { ...deps, scanner: fakeScanner(10) };
    expect(redactText("............ a@b.c", [duty({ detect: ["email"] })], blind)).toBe("[REDACTED]");
  });

  test("finds what somebody hides in a forged marker", () => {
    expect(shown("[EMAIL_4111111111111111]", duty({ detect: ["card"] }))).toBe("[EMAIL_[CARD]]");
    expect(shown("[A4111111111111111]", duty({ detect: ["card"] }))).toBe("[A[CARD]]");
  });

  test("refuses to detect without a scanner", () => {
    const blind: RedactDeps = { ...deps, scanner: undefined };
    expect(() => redact("a@b.c", [duty({ detect: ["email"] })], blind)).toThrow(AgentplaneError);
    expect(redact(snapshot({ ssn: 1 }), [duty({ fields: ["ssn"] })], blind)).toStrictEqual(
      snapshot({ ssn: "[REDACTED]" }),
    );
  });
});

describe("JSON inside texts", () => {
  const fields = duty({ fields: ["ssn"] });

  test("applies fields inside, leaving everything else letter for letter", () => {
    const text = ' { "id" : 12345678901234567890, "ssn":"1",\n "rows":[{"ssn" : {"a":[1]}, "b": true}] } ';
    expect(shown(text, fields)).toBe(
      ' { "id" : 12345678901234567890, "ssn":"[REDACTED]",\n "rows":[{"ssn" : "[REDACTED]", "b": true}] } ',
    );
  });

  test("applies fields to a repeated member that JSON.parse would not show", () => {
    expect(shown('{"a":{"ssn":"1"},"a":2,"ssn":"3","ssn":"4"}', fields)).toBe(
      '{"a":{"ssn":"[REDACTED]"},"a":2,"ssn":"[REDACTED]","ssn":"[REDACTED]"}',
    );
  });

  test.for([
    ['{"ssn":1}', "{}"],
    ['{"ssn":1,"a":2}', '{"a":2}'],
    ['{"a":2,"ssn":1}', '{"a":2}'],
    ['{"a":2, "ssn":[1,{"b":"]}"}], "c":3}', '{"a":2, "c":3}'],
    ['{"ssn":1,"ssn":2}', "{}"],
    ['[{"ssn":null},{"a":{"ssn":-1.5e3},"b":[]}]', '[{},{"a":{},"b":[]}]'],
  ] as const)("drops members of %s", ([text, expected]) => {
    expect(shown(text, duty({ fields: ["ssn"], treatment: "drop" }))).toBe(expected);
  });

  test("sees through escapes and through JSON inside JSON", () => {
    const inner = JSON.stringify({ ssn: "1", mail: "a@b.c" });
    const outer = shown(JSON.stringify({ body: inner }), fields, duty({ detect: ["email"] })) as string;
    expect(JSON.parse(JSON.parse(outer).body as string)).toStrictEqual({
      ssn: "[REDACTED]",
      mail: "[EMAIL]",
    });
    expect(shown('{"\\u0073sn":"1","m":"a\\u0040b.c"}', fields, duty({ detect: ["email"] }))).toBe(
      '{"\\u0073sn":"[REDACTED]","m":"[EMAIL]"}',
    );
  });

  test("replaces found numbers by texts, so that it stays JSON, and found names", () => {
    const text = shown('{"card":4111111111111111,"a@b.c":[1]}', duty({ detect: ["card", "email"] }));
    expect(text).toBe('{"card":"[CARD]","[EMAIL]":[1]}');
  });

  test("treats a text that is not JSON, or only looks like it, as text", () => {
    for (const text of ['{"ssn":"1"', "[EMAIL]", "{ssn: 1}", '"ssn"', "", "  ", '"ssn":1', "{} ssn"]) {
      expect(shown(text, fields)).toBe(text);
    }
  });

  test.for([
    ["a byte order mark before", '\ufeff{"ssn":"1"}', '\ufeff{"ssn":"[REDACTED]"}'],
    ["white space around", '\u00a0\n {"ssn":"1"}\u00a0', '\u00a0\n {"ssn":"[REDACTED]"}\u00a0'],
    ["NDJSON", '{"ssn":"1"}\n{"a":{"ssn":2}}\r\n', '{"ssn":"[REDACTED]"}\n{"a":{"ssn":"[REDACTED]"}}\r\n'],
    ["lines between others", 'Rows:\n  {"ssn":"1"}\nend {', 'Rows:\n  {"ssn":"[REDACTED]"}\nend {'],
    [
      "a fence",
      'See\n```json\n{\n "ssn": "1"\n}\n```\nend',
      'See\n```json\n{\n "ssn": "[REDACTED]"\n}\n```\nend',
    ],
    ["a fence in one line", '```json {"ssn":"1"}```', '```json {"ssn":"[REDACTED]"}```'],
    ["a fence that ends in its last line", '~~~\n{\n"ssn":1}~~~', '~~~\n{\n"ssn":"[REDACTED]"}~~~'],
    ["a fence that never ends", '```\n[\n{"ssn":1}\n]', '```\n[\n{"ssn":"[REDACTED]"}\n]'],
    [
      "a stray fence before",
      '```\ntext\n```json\n{\n"ssn":1\n}\n```',
      '```\ntext\n```json\n{\n"ssn":"[REDACTED]"\n}\n```',
    ],
    [
      "a fence inside a text",
      '{"md":"```js\\nx```","ssn":1}\n{}',
      '{"md":"```js\\nx```","ssn":"[REDACTED]"}\n{}',
    ],
  ] as const)("applies fields inside JSON with %s", ([_name, text, expected]) => {
    expect(shown(text, fields)).toBe(expected);
    expect(shown(expected, fields)).toBe(expected);
  });

  test.for([
    ["behind words", 'Result: {"ssn":"1"}', 'Result: {"ssn":"[REDACTED]"}'],
    ["between words", 'got {"a":[{"ssn":1}]}, so', 'got {"a":[{"ssn":"[REDACTED]"}]}, so'],
    ["behind another", '{"ssn":1} {"ssn":2}', '{"ssn":"[REDACTED]"} {"ssn":"[REDACTED]"}'],
    ["behind words, over lines", 'Result: {\n "ssn": "1"\n}\nend', 'Result: {\n "ssn": "[REDACTED]"\n}\nend'],
    ["behind an open brace", 'if (x) { log({"ssn":1})', 'if (x) { log({"ssn":"[REDACTED]"})'],
    ["in a list that is none", '[{"ssn":1}, oops]', '[{"ssn":"[REDACTED]"}, oops]'],
    ["in quotes that are not escaped", '{"x":"{"ssn":"1"}"}', '{"x":"{"ssn":"[REDACTED]"}"}'],
    ["encoded twice", JSON.stringify('{"ssn":"1"}'), JSON.stringify('{"ssn":"[REDACTED]"}')],
    [
      "encoded four times",
      [1, 2, 3].reduce((text) => JSON.stringify(text), '{"ssn":"1"}'),
      [1, 2, 3].reduce((text) => JSON.stringify(text), '{"ssn":"[REDACTED]"}'),
    ],
    [
      "encoded twice behind words",
      'said "{\\"ssn\\":\\"1\\"}" twice',
      'said "{\\"ssn\\":\\"[REDACTED]\\"}" twice',
    ],
    ["encoded twice in lines", '"{\\"ssn\\":1}"\n"[]"', '"{\\"ssn\\":\\"[REDACTED]\\"}"\n"[]"'],
  ] as const)("applies fields in JSON that stands %s", ([_name, text, expected]) => {
    expect(shown(text, fields)).toBe(expected);
    expect(shown(expected, fields)).toBe(expected);
  });

  test("finds an object among any words", () => {
    const words = fc.string({
      unit: fc.constantFrom("a", " ", "{", "[", "}", "]", ":", ",", "1", "\n", "\\", "'", '{"', '"a'),
      maxLength: 12,
    });
    const others = fc.dictionary(fc.constantFrom("a", "b"), fc.jsonValue());
    fc.assert(
      fc.property(words, others, words, (before, other, after) => {
        const text = `${before}${JSON.stringify({ ...other, ssn: "078-05-1120" })}${after}`;
        expect(redactText(text, [fields], deps)).not.toContain("078-05-1120");
      }),
      { numRuns: 1_000 },
    );
  });

  test("leaves words around JSON, and lists that are no JSON of a line, letter for letter", () => {
    const both = duty({ fields: ["ssn"], detect: ["card"] });
    for (const text of [
      "see [1] and {}",
      'function f() { return "{}"; }',
      '"[1]" [2, x]',
      '{"a": {"b":1}} \\" {',
    ])
      expect(shown(text, both)).toBe(text);
    expect(shown("card [4111111111111111]", both)).toBe("card [[CARD]]");
  });

  test("looks for JSON in very many lines in one pass", () => {
    // Of the processor, not of the wall: a busy machine must not make it longer.
    const spentMs = (lines: number): number => {
      const started = process.cpuUsage();
      const words = ['{"{', '{"a":"', '{"a":[', '"{\\\\"', '{"a":1,', '"{', '{"a":{"b":"{'];
      for (const line of ['{"}\n', "{}\n", "```\n", "[[[[[[\n", '{"a":"\\\n', ...words]) {
        const text = line.repeat(lines);
        expect(redactText(text, [fields], deps)).toBe(text);
      }
      return process.cpuUsage(started).user / 1_000;
    };
    spentMs(5_000);
    // Eight times the lines: about eight times as long, where a pass per line would take 64 times.
    expect(spentMs(40_000)).toBeLessThan(32 * Math.max(spentMs(5_000), 20));
  });

  test("sees the JSON that dropping a finding leaves", () => {
    const drop = duty({ detect: ["email"], treatment: "drop" });
    expect(shown('a@b.c{"ssn":"1","x":2}', fields, drop)).toBe('{"ssn":"[REDACTED]","x":2}');
  });

  test("goes through any nesting without a stack", () => {
    const depth = 100_000;
    const text = `${"[".repeat(depth)}{"ssn":1}${"]".repeat(depth)}`;
    expect(shown(text, fields)).toBe(text.replace(":1", ':"[REDACTED]"'));
  });

  test("agrees with redacting the value itself", () => {
    const names = fc.constantFrom("ssn", "a", "b c", "__proto__", '"', "x@y.z");
    const { tree } = fc.letrec<{ tree: JsonValue }>((tie) => ({
      tree: fc.oneof(
        { maxDepth: 4 },
        fc.constantFrom("plain", "a@b.c", 'x\\"@', 7, -1.5, true, null, 4111111111111111),
        fc.array(tie("tree"), { maxLength: 3 }),
        fc.dictionary(names, tie("tree"), { maxKeys: 3 }),
      ),
    }));
    fc.assert(
      fc.property(
        fc.array(tree, { maxLength: 3 }),
        fc.constantFrom<Treatment>("drop", "mask", "tokenise"),
        (value, treatment) => {
          const duties = [duty({ fields: ["ssn"], detect: ["email", "card"], treatment })];
          const direct = redact(snapshot(value), duties, deps);
          const inText = redact(JSON.stringify(value), duties, deps) as string;
          expect(JSON.stringify(JSON.parse(inText))).toBe(JSON.stringify(direct));
        },
      ),
    );
  });
});

describe("laws", () => {
  const words = fc.constantFrom(
    "a@b.c",
    "secret",
    "4111111111111111",
    "[EMAIL]",
    "[EMAIL_1]",
    "x",
    " ",
    "@",
    ".",
    "[",
    "]",
    "ssn",
    '{"ssn":"a@b.c"}',
    "\n",
    '\n{"ssn":1,\n"x":"a@b.c"}\n',
    "\n```json\n",
    "```",
    "\ufeff",
  );
  const texts = fc.array(words, { maxLength: 6 }).map((parts) => parts.join(""));
  const { value: values } = fc.letrec<{ value: JsonValue }>((tie) => ({
    value: fc.oneof(
      { maxDepth: 3 },
      texts,
      fc.constantFrom(1, null, false, 4111111111111111),
      fc.array(tie("value"), { maxLength: 3 }),
      fc.dictionary(fc.oneof(texts, fc.constantFrom("ssn", "SSN", "__proto__")), tie("value"), {
        maxKeys: 3,
      }),
    ),
  }));
  const duties = fc.array(
    fc.record({
      fields: fc.subarray(["ssn", "*@*", "s*"]),
      detect: fc.subarray(["email", "card", "word"]),
      treatment: fc.constantFrom<Treatment>("drop", "mask", "hash", "tokenise"),
    }),
    { maxLength: 3 },
  );

  test("redacting twice is redacting once", () => {
    fc.assert(
      fc.property(values, duties, (value, all) => {
        const once = redact(snapshot(value), all, deps);
        expect(redact(once, all, deps)).toBe(once);
      }),
      { numRuns: 500 },
    );
  });

  test("the original stays as it was, and what is new is frozen and a snapshot", () => {
    fc.assert(
      fc.property(values, duties, (value, all) => {
        const taken = snapshot(value);
        const before = JSON.stringify(taken);
        const next = redact(taken, all, deps);
        expect(JSON.stringify(taken)).toBe(before);
        expect(looseParts(next)).toStrictEqual([]);
        expect(snapshot(next)).toBe(next);
      }),
    );
  });

  test("no address is left on any surface where addresses are detected", () => {
    fc.assert(
      fc.property(values, duties, (value, all) => {
        const next = redact(snapshot(value), [...all, duty({ detect: ["email"] })], deps);
        // Written as JSON, a line break before an at sign would read like the letter n.
        const surface = JSON.stringify(next).replaceAll(/\\+[bfnrt]/g, " ");
        expect(surface).not.toMatch(/[a-z]+@[a-z]+\.[a-z]+/);
      }),
    );
  });

  test("what nothing is found in is the very same value", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const taken = snapshot(value);
        expect(
          redact(taken, [duty({ fields: ["no such name"], detect: ["card"] })], {
            ...deps,
            scanner: NOTHING,
          }),
        ).toBe(taken);
      }),
    );
  });
});

const NOTHING = { detectors: [], scan: () => ({ spans: [], isTruncated: false }) };

test("leaves opaque values alone and gives them back", () => {
  const when = new Date(0);
  const next = redact(snapshot({ when, ssn: new Map() }), [duty({ fields: ["ssn"] })], deps);
  expect(hasOpaque(next)).toBe(true);
  expect(thaw(next)).toStrictEqual({ when, ssn: "[REDACTED]" });
});

test("changes nothing without duties", () => {
  const taken = snapshot({ ssn: "a@b.c" });
  expect(redact(taken, [], deps)).toBe(taken);
  expect(redactText("a@b.c", [], deps)).toBe("a@b.c");
});
