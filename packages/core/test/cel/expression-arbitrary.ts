import * as fc from "fast-check";

/*
 * Expressions of exactly the grammar that `check-subset.ts` admits, well-typed as far as types are static; content of
 * the input is `dyn`, so that errors at run time are generated too.
 */
const TEXTS = ["", "a", "ab", "prod", "refund", "é", "x😀y", "\uFF5E", "aaaa!"];

/** A text literal with everything escaped that CEL needs escaped. */
function quoted(text: string): string {
  return JSON.stringify(text);
}

const textLiteral = fc.constantFrom(...TEXTS).map(quoted);
const intLiteral = fc.oneof(fc.integer({ min: -5, max: 700 }), fc.constantFrom(9007199254740991)).map(String);
const doubleLiteral = fc.constantFrom("0.0", "0.5", "1.5", "600.0", "-2.5", "1e3");
const pattern = fc
  .constantFrom("a+", "^a", "b$", "^(a+)+$", "[x-z]", "pr.d", "😀", "\\\\d+")
  .map((p) => `"${p}"`);
const cmp = fc.constantFrom("==", "!=", "<", "<=", ">", ">=");
const arithmetic = fc.constantFrom("+", "-", "*", "/", "%");

/** Content of unknown type: present, absent, nested, null. */
const dyn = fc.constantFrom(
  "input.amount",
  "input.ratio",
  "input.name",
  "input.flag",
  "input.nothing",
  "input.missing",
  "input.nested.deep",
  "input.nested.missing",
  "input.items[0]",
  "input.items[7]",
  'input["name"]',
  "tool.input.amount",
);
const list = fc.constantFrom("input.items", "input.words", "input.empty", "input.rows");

const grammar = fc.letrec<{ text: string; int: string; double: string; bool: string; element: string }>(
  (tie) => ({
    text: fc.oneof(
      { maxDepth: 4 },
      textLiteral,
      fc.constantFrom(
        "tool.name",
        "agent.id",
        "tenant",
        "user",
        "tags.env",
        "tags.missing",
        "tool.server",
        'tags["env"]',
      ),
    ),
    int: fc.oneof(
      { maxDepth: 4 },
      intLiteral,
      fc.constantFrom("now", "history.calls", "usage.inputTokens", "input.amount"),
      fc.tuple(tie("int"), arithmetic, tie("int")).map(([a, op, b]) => `(${a} ${op} ${b})`),
      tie("int").map((a) => `-(${a})`),
      tie("text").map((t) => `size(${t})`),
      list.map((l) => `size(${l})`),
      list.map((l) => `${l}.size()`),
    ),
    double: fc.oneof({ maxDepth: 3 }, doubleLiteral, fc.constant("input.ratio")),
    element: fc.oneof(
      fc.tuple(cmp, intLiteral).map(([op, n]) => `item ${op} ${n}`),
      fc.tuple(fc.constantFrom("==", "!="), textLiteral).map(([op, t]) => `item ${op} ${t}`),
      textLiteral.map((t) => `item.contains(${t})`),
      fc.constantFrom(
        "item.price > 3",
        "has(item.price)",
        "item.tags.exists(tag, tag == 'a')",
        "item.tags.all(t, t != '')",
      ),
      fc.tuple(tie("text"), cmp, tie("text")).map(([a, op, b]) => `(${a} ${op} ${b} || item == 'a')`),
    ),
    bool: fc.oneof(
      { maxDepth: 5, depthSize: "small" },
      fc.constantFrom("true", "false", "input.flag", "isError"),
      fc.tuple(tie("int"), cmp, tie("int")).map(([a, op, b]) => `${a} ${op} ${b}`),
      fc.tuple(tie("text"), cmp, tie("text")).map(([a, op, b]) => `${a} ${op} ${b}`),
      fc.tuple(tie("double"), cmp, tie("double")).map(([a, op, b]) => `${a} ${op} ${b}`),
      fc
        .tuple(dyn, cmp, fc.oneof(intLiteral, doubleLiteral, textLiteral, dyn))
        .map(([a, op, b]) => `${a} ${op} ${b}`),
      fc.tuple(dyn, fc.constantFrom("null", "true", "false")).map(([a, b]) => `${a} == ${b}`),
      fc
        .tuple(tie("bool"), fc.constantFrom("&&", "||"), tie("bool"))
        .map(([a, op, b]) => `(${a} ${op} ${b})`),
      tie("bool").map((a) => `!(${a})`),
      fc
        .tuple(tie("text"), fc.constantFrom("startsWith", "endsWith", "contains"), tie("text"))
        .map(([a, method, b]) => `${a}.${method}(${b})`),
      fc
        .tuple(dyn, fc.constantFrom("startsWith", "contains"), textLiteral)
        .map(([a, m, b]) => `${a}.${m}(${b})`),
      fc.tuple(fc.oneof(tie("text"), dyn), pattern).map(([a, p]) => `${a}.matches(${p})`),
      fc
        .tuple(tie("text"), fc.array(textLiteral, { minLength: 1, maxLength: 3 }))
        .map(([a, l]) => `${a} in [${l.join(", ")}]`),
      fc
        .tuple(tie("int"), fc.array(intLiteral, { minLength: 1, maxLength: 3 }))
        .map(([a, l]) => `${a} in [${l.join(", ")}]`),
      textLiteral.map((t) => `${t} in agent.ancestors && size(agent.ancestors) > 1`),
      fc.tuple(fc.oneof(textLiteral, dyn), list).map(([a, l]) => `${a} in ${l}`),
      fc.tuple(tie("text"), fc.constantFrom("tags", "input", "input.nested")).map(([a, m]) => `${a} in ${m}`),
      fc
        .constantFrom(
          "input.amount",
          "input.missing",
          "input.nested.deep",
          "input.gone.deep",
          "tool.server",
          "tags.env",
        )
        .map((path) => `has(${path})`),
      fc
        .tuple(list, fc.constantFrom("all", "exists"), tie("element"))
        .map(([l, m, e]) => `${l}.${m}(item, ${e})`),
    ),
  }),
);

/** Conditions, such as a policy's `when`. */
export const boolExpression: fc.Arbitrary<string> = grammar.bool;
