import { writeFileSync } from "node:fs";
import path from "node:path";

import { expect, test } from "vitest";

import { ConfigError } from "../../src/base/errors.ts";
import { loadPolicyFile, parsePolicyText } from "../../src/node/policy-file.ts";
import { temporaryDirectory } from "./temporary-directory.ts";

const parse = (text: string) => parsePolicyText(text, "agentplane.yaml");

function issuesOf(text: string): readonly { path: string; message: string }[] {
  try {
    parse(text);
  } catch (error) {
    if (error instanceof ConfigError) return error.issues;
    throw error;
  }
  return [];
}

test("reads YAML and JSON to the same plain data, named by its file", () => {
  const directory = temporaryDirectory();
  const [yaml, json] = [path.join(directory, "a.yaml"), path.join(directory, "a.json")];
  const document = {
    apiVersion: "agentplane/v1",
    policies: [{ id: "a", blocking: [{ rule: "rate", limit: 5 }] }],
  };
  writeFileSync(
    yaml,
    "apiVersion: agentplane/v1\npolicies:\n  - id: a\n    blocking:\n      - { rule: rate, limit: 5 }\n",
  );
  writeFileSync(json, JSON.stringify(document));
  expect(loadPolicyFile(yaml)).toStrictEqual({ source: `file:${yaml}`, document });
  expect(loadPolicyFile(json).document).toStrictEqual(document);
});

test("reads words of other YAML versions as the texts they are", () => {
  expect(parse("a: no\nb: on\nc: 012\nd: 2024-01-01\ne: 0o14\nf: 1_000")).toStrictEqual({
    a: "no",
    b: "on",
    c: 12,
    d: "2024-01-01",
    e: 12,
    f: "1_000",
  });
});

test("an empty file is null, which no policy document is", () => {
  expect(parse("")).toBeNull();
});

test.for([
  ["a tag of its own", "a: !secret x", /tag/i],
  ["a tag of JavaScript", 'a: !!js/function "x"', /tag/i],
  ["a tag without a name, which would turn an exclusion round", "tools: [! delete_draft]", /tag/i],
  ["such a tag before a list", "tools: ! [a]", /tag/i],
  ["such a tag of a name", "! a: 1", /tag/i],
  ["a tag that YAML knows", "a: !!str 5", /tag/i],
  ["a set", "a: !!set {x}", /tag/i],
  ["a key twice", "a: 1\na: 2", /unique/i],
  ["a key twice, once as a number", 'a: { 1: x, "1": y }', /unique/i],
  ["a key twice, once as a flag", "true: x\n'true': y", /unique/i],
  ["a bracket that is not closed", "a: [1, 2", /./],
  ["JSON that breaks off", '{"apiVersion": "agentplane/v1", "policies": [{"id"', /./],
  ["two documents", "a: 1\n---\nb: 2", /second document begins here/],
  ["an alias of nothing", "a: *nothing", /alias/i],
] as const)("refuses %s", ([, text, message]) => {
  expect(issuesOf(text)[0]?.message).toMatch(message);
});

test("names line and column, and shows nothing of the file", () => {
  const [issue] = issuesOf("a: 1\nsecret: sk-12345: x\n");
  expect(issue?.path).toMatch(/^line 2, column \d+$/);
  expect(issue?.message).not.toContain("sk-12345");
});

test("refuses aliases that would fill the memory", () => {
  const levels = Array.from({ length: 9 }, (_, level) => {
    const items = level === 0 ? Array(9).fill("lol") : Array(9).fill(`*l${level - 1}`);
    return `l${level}: &l${level} [${items.join(", ")}]`;
  });
  expect(issuesOf(levels.join("\n"))[0]?.message).toMatch(/alias/i);
});

test("a merge key is a key like any other: nothing is merged in silence", () => {
  expect(parse("base: &b { a: 1 }\nc:\n  <<: *b")).toStrictEqual({ base: { a: 1 }, c: { "<<": { a: 1 } } });
});

test("a name such as __proto__ stays an own member for loading to refuse", () => {
  const data = parse('{"__proto__": {"a": 1}}');
  expect(Object.keys(data as object)).toStrictEqual(["__proto__"]);
  expect((data as { a?: number }).a).toBeUndefined();
});

test("a file that is not there is named", () => {
  expect(() => loadPolicyFile("/nowhere/a.yaml")).toThrow(/file:\/nowhere\/a\.yaml[^]*ENOENT/);
});

const bytesOf = (bytes: Uint8Array | string): string => {
  const file = path.join(temporaryDirectory(), "a.yaml");
  writeFileSync(file, bytes);
  return file;
};

test("a byte that is not UTF-8 is an error: a pattern it stood in would match nothing", () => {
  const latin1 = bytesOf(Buffer.from("tools: [l\u00f6schen]", "latin1"));
  expect(() => loadPolicyFile(latin1)).toThrow(/is not UTF-8/);
});

test("a byte order mark is no part of the text, in YAML and in JSON", () => {
  expect(loadPolicyFile(bytesOf("\uFEFFa: 1")).document).toStrictEqual({ a: 1 });
  expect(loadPolicyFile(bytesOf('\uFEFF{"a": 1}')).document).toStrictEqual({ a: 1 });
  expect(parse('\uFEFF{"a": 1}')).toStrictEqual({ a: 1 });
});

test("a file that is too large is refused before it is parsed", () => {
  expect(() => loadPolicyFile(bytesOf(`a: "${"x".repeat(8 * 1024 * 1024)}"`))).toThrow(/larger than 8 MiB/);
});
