import * as fc from "fast-check";
import { expect, test } from "vitest";

import { ConfigError } from "../../src/base/errors.ts";
import type { JsonValue } from "../../src/base/json.ts";
import { IssueList } from "../../src/load/issue-list.ts";
import { refuseLiteralSecrets } from "../../src/load/literal-secret.ts";
import { parsePolicy } from "../../src/load/parse.ts";
import { load, options } from "./documents.ts";

const SECRET = "looks like a literal secret, which does not belong in a policy";
const TOKEN = `xoxb-${"a".repeat(10)}`;

function secretsIn(work: () => void): readonly string[] {
  try {
    work();
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error.issues.filter(({ message }) => message === SECRET).map(({ path }) => path);
  }
  return [];
}

/** What a search of the whole document finds. */
function searched(document: JsonValue): readonly string[] {
  const issues = new IssueList();
  refuseLiteralSecrets(document, issues);
  return secretsIn(() => issues.throwIfAny("test"));
}

const loaded = (document: unknown): readonly string[] => secretsIn(() => void load(document));

test("a secret is found wherever it stands in a document", () => {
  const rule = { rule: "denylist", tools: [TOKEN] };
  const document = {
    apiVersion: TOKEN,
    policies: [{ id: "a", blocking: [rule] }, { id: "b" }, { id: "c", token: "t", blocking: [rule] }],
    tools: { search: { api: { method: "GET", url: "$.url", password: "p" } } },
    secret: "top",
  };
  expect(loaded(document)).toEqual([
    "apiVersion",
    "policies[0].blocking[0].tools[0]",
    "policies[2].token",
    "policies[2].blocking[0].tools[0]",
    "tools.search.api.password",
    "secret",
  ]);
  expect(loaded({ apiVersion: "agentplane/v1", policies: { a: TOKEN } })).toEqual(["policies.a"]);
});

test("a secret is found in a single policy", () => {
  const policy = { id: "a", blocking: [{ rule: "denylist", tools: [TOKEN] }] };
  expect(secretsIn(() => void parsePolicy(policy, "", options))).toEqual(["blocking[0].tools[0]"]);
});

test("reading finds every place that a search of the whole document finds", () => {
  const name = fc.constantFrom(
    "secret",
    "apiKey",
    "api_key",
    "key",
    "where",
    "tags",
    "input",
    "a",
    "value",
    "env",
  );
  const text = fc.constantFrom(TOKEN, "short", "$.a", `a ${TOKEN} b`, "x".repeat(30));
  const { tree } = fc.letrec<{ tree: JsonValue }>((tie) => ({
    tree: fc.oneof(
      { maxDepth: 4 },
      text,
      fc.integer(),
      fc.array(tie("tree"), { maxLength: 3 }),
      fc.dictionary(name, tie("tree"), { maxKeys: 3 }),
    ),
  }));
  const policy = fc.record(
    { id: text, blocking: fc.array(tree, { maxLength: 2 }), selector: tree, secret: tree },
    { requiredKeys: [] },
  );
  const seen = { found: 0 };
  fc.assert(
    fc.property(
      fc.record(
        {
          policies: fc.oneof(fc.array(policy, { maxLength: 3 }), tree),
          tools: tree,
          password: tree,
          key: tree,
        },
        { requiredKeys: [] },
      ),
      (document) => {
        const expected = searched(document);
        if (expected.length > 0) seen.found++;
        // More issues than one error lists are only counted.
        fc.pre(expected.length < 20);
        expect(loaded(document)).toEqual(expected);
      },
    ),
    { numRuns: 1_500 },
  );
  expect(seen.found).toBeGreaterThan(100);
});
