import { describe, expect, test } from "vitest";
import { found } from "../scan.ts";
import { BODY, joined, pemLine, SECRETS, secretInText } from "../token-fixtures.ts";

const NAMES = Object.keys(SECRETS);

describe.each(NAMES)("%s", (name) => {
  const secret = SECRETS[name] ?? "";

  test("is found whole within a sentence", () => {
    expect(found(name, secretInText(name))).toEqual([secret]);
  });

  test("is found in JSON source with escaped line breaks", () => {
    const source = JSON.stringify({ log: `x\n${secretInText(name)}\n` });
    expect(found(name, source)).toEqual([JSON.stringify(secret).slice(1, -1)]);
  });
});

test.each([
  ["OpenAI project", joined("sk-", "proj-", BODY, BODY, BODY)],
  ["OpenAI legacy", joined("sk-", BODY, BODY, BODY)],
  ["Google", joined("AI", "za", BODY, BODY, "a1B")],
  ["npm", joined("np", "m_", BODY, BODY, "a1B2")],
  ["GitLab", joined("gl", "pat-", BODY, "a1B2")],
  ["SendGrid", joined("S", "G.", BODY, "a1B2c3.", BODY, BODY)],
])("finds an API key of %s", (_vendor, key) => {
  expect(found("apiKey", `KEY=${key}`)).toEqual([key]);
});

test.each([
  ["apiKey", "class='sk-fading-circle-of-many-bouncing-parts'"],
  ["apiKey", joined("sk-", "proj-", "your-key-goes-here-replace-it-please")],
  ["bearer", "Authorization: Bearer YOUR_TOKEN_GOES_HERE"],
  ["bearer", "the bearer of bad news is never welcome"],
  ["awsAccessKey", joined("AK", "IA", "IOSFODNN7EXAMPLE")],
  ["githubToken", joined("gh", "p_", "short1")],
  ["jwt", joined("ey", "JhbGciOiJIUzI1NiJ9 alone is not a token")],
  ["privateKey", `a file that begins with ${pemLine("BEGIN")} is a key`],
  ["privateKey", `${pemLine("BEGIN", "PUBLIC")}\n${BODY.repeat(8)}\n`],
])("%s leaves the harmless text %j alone", (name, text) => {
  expect(found(name, text)).toEqual([]);
});

test("covers a token to its end, however long", () => {
  const token = joined("gh", "p_", BODY.repeat(100));
  expect(found("githubToken", `${token} end`)).toEqual([token]);
});

test("leaves the full stop after a token to the sentence", () => {
  expect(found("jwt", `It is ${SECRETS["jwt"]}.`)).toEqual([SECRETS["jwt"]]);
});

test("covers a private key whose end is missing", () => {
  const cutOff = (SECRETS["privateKey"] ?? "").slice(0, 300);
  expect(found("privateKey", `key: ${cutOff}`)).toEqual([cutOff]);
});
