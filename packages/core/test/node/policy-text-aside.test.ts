import { stringify } from "yaml";
import { describe, expect, test } from "vitest";

import { ConfigError } from "../../src/base/errors.ts";
import { readPolicyTextAside } from "../../src/node/policy-text-aside.ts";
import { readPolicyText } from "../../src/node/policy-text.ts";

const documentOf = (count: number, more: object = {}): object => ({
  apiVersion: "agentplane/v1",
  policies: Array.from({ length: count }, (_, at) => ({ id: `p${at}`, selector: { tenants: [`t-${at}`] } })),
  ...more,
});

/** Long enough for a worker. */
const LONG = 4_000;

describe("a long policy file", () => {
  test("in YAML is read in a worker, to the JSON text of what it says, while other work goes on", async () => {
    const text = stringify(documentOf(LONG));
    let turns = 0;
    let isDone = false;
    const count = (): void => {
      turns++;
      if (!isDone) setTimeout(count, 1);
    };
    count();
    const read = await readPolicyTextAside(text, "p.yaml");
    isDone = true;
    expect(read).toStrictEqual({ kind: "json", text: JSON.stringify(documentOf(LONG)) });
    // Read here, there would have been two.
    expect(turns).toBeGreaterThan(10);
  });

  test("in JSON stays as it is", async () => {
    const text = JSON.stringify(documentOf(LONG), undefined, 2);
    expect(await readPolicyTextAside(text, "p.json")).toStrictEqual({ kind: "json", text });
  });

  test.each([
    ["broken YAML", `${stringify(documentOf(LONG))}x: [`],
    ["broken JSON", `${JSON.stringify(documentOf(LONG))}}`],
    ["a name that stands twice in JSON", JSON.stringify(documentOf(LONG)).replace("{", '{"policies":[],')],
  ])("with %s is refused as a short one is, with its place", async (_name, text) => {
    const error: unknown = await readPolicyTextAside(text, "p.yaml").catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(ConfigError);
    const { issues } = error as ConfigError;
    expect(issues[0]?.path).toMatch(/^line \d+, column \d+$/);
    expect(() => readPolicyText(text, "p.yaml")).toThrow((error as ConfigError).message);
  });

  test("with data that JSON does not have is handed over as data", async () => {
    const read = await readPolicyTextAside(`${stringify(documentOf(LONG))}odd: .nan\n`, "p.yaml");
    expect(read).toStrictEqual({ kind: "data", data: documentOf(LONG, { odd: Number.NaN }) });
  });
});

describe("a short policy file", () => {
  test("is read at once, to the same", async () => {
    const text = stringify(documentOf(3));
    expect(await readPolicyTextAside(text, "p.yaml")).toStrictEqual({
      kind: "json",
      text: JSON.stringify(documentOf(3)),
    });
    expect(readPolicyText("a: .inf", "p.yaml")).toStrictEqual({ kind: "data", data: { a: Infinity } });
    expect(readPolicyText("", "p.yaml")).toStrictEqual({ kind: "json", text: "null" });
    expect(readPolicyText("{ a: 1 }", "p.yaml")).toStrictEqual({ kind: "json", text: '{"a":1}' });
  });
});
