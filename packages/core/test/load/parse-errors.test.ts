import { describe, expect, test } from "vitest";

import { issuesOf, rate, withPolicy } from "./documents.ts";

describe("an error names its place and the way out", () => {
  const cases: readonly [name: string, document: unknown, ...expected: string[]][] = [
    [
      "an unknown field of the document",
      withPolicy({}, { polices: [] }),
      'polices: is not a known field — did you mean "policies"?',
    ],
    [
      "another version",
      { ...(withPolicy({}) as object), apiVersion: "agentplane/v2" },
      'apiVersion: must be "agentplane/v1", not "agentplane/v2" — did you mean "agentplane/v1"?',
    ],
    [
      "a missing id",
      { apiVersion: "agentplane/v1", policies: [{}] },
      "policies[0].id: is required and must be a text",
    ],
    [
      "an unknown field of a policy",
      withPolicy({ selectr: {} }),
      'policies[0].selectr: is not a known field — did you mean "selector"?',
    ],
    [
      "an unknown mode",
      withPolicy({ mode: "enforced" }),
      'policies[0].mode: must be "enforce" or "shadow", not "enforced" — did you mean "enforce"?',
    ],
    [
      "an unknown kind",
      withPolicy({ blocking: [{ rule: "raet" }] }),
      'policies[0].blocking[0].rule: unknown rule "raet" — did you mean "rate"?',
    ],
    [
      "a rule without a kind",
      withPolicy({ blocking: [{ rate: {} }] }),
      'policies[0].blocking[0].rule: is required: it names the kind of rule — write { rule: "rate", … } with its fields beside it',
    ],
    [
      "a rule that is no object",
      withPolicy({ blocking: ["rate"] }),
      'policies[0].blocking[0]: must be a rule, an object — write { rule: "rate", limit: 10, window: "1m" }',
    ],
    [
      "a rule in the wrong list",
      withPolicy({ blocking: [{ rule: "audit" }] }),
      'policies[0].blocking[0].rule: "audit" only watches — move it to nonBlocking',
    ],
    [
      "an unknown parameter",
      withPolicy({ blocking: [{ ...rate, limt: 2 }] }),
      'policies[0].blocking[0].limt: is not a known field — did you mean "limit"?',
    ],
    [
      "an unknown parameter of a kind with a loose schema",
      withPolicy({ nonBlocking: [{ rule: "webhook", url: "u", secret: null, where: null, ulr: "u" }] }),
      'policies[0].nonBlocking[0].ulr: is not a known field — did you mean "url"?',
    ],
    [
      "a negative limit",
      withPolicy({ blocking: [{ ...rate, limit: -1 }] }),
      "policies[0].blocking[0].limit: must be at least 0",
    ],
    [
      "a limit that is no whole number",
      withPolicy({ blocking: [{ ...rate, limit: 1.5 }] }),
      "policies[0].blocking[0].limit: must be a whole number, not 1.5",
    ],
    [
      "a limit that is NaN",
      withPolicy({ blocking: [{ ...rate, limit: Number.NaN }] }),
      "policies[0].blocking[0].limit: must be a finite number, not NaN — policies are plain JSON data",
    ],
    [
      "an unknown duration",
      withPolicy({ blocking: [{ ...rate, window: "1 hour" }] }),
      'policies[0].blocking[0].window: is not a duration — write a whole number and a unit (ms, s, m, h, d, w), such as "30m"',
    ],
    [
      "a union in which no branch fits",
      withPolicy({ blocking: [{ ...rate, window: 5 }] }),
      "policies[0].blocking[0].window: must be a text or an object, not 5",
    ],
    [
      "a typo inside the branch that was meant",
      withPolicy({ blocking: [{ ...rate, window: { calendar: "days", timeZone: "UTC" } }] }),
      'policies[0].blocking[0].window.calendar: must be "day" or "month", not "days" — did you mean "day"?',
    ],
    [
      "a misspelt word where a list would do too",
      withPolicy({ blocking: [{ rule: "words", per: "agnet" }] }),
      'policies[0].blocking[0].per: must be "agent" or "tenant" or a list, not "agnet" — did you mean "agent"?',
    ],
    [
      "an unknown hookpoint",
      withPolicy({ selector: { hookpoints: ["before_toolcall"] } }),
      'policies[0].selector.hookpoints[0]: "before_toolcall" is no hookpoint — did you mean "before_tool_call"?',
    ],
    [
      "an empty selector list",
      withPolicy({ selector: { tools: [] } }),
      "policies[0].selector.tools: must not be empty",
    ],
    [
      "a tag without a name beside one with a wrong value",
      withPolicy({ selector: { tags: { "": "a", b: 5 } } }),
      "policies[0].selector.tags.b: must be a text or a list, not 5",
      'policies[0].selector.tags[""]: has a name that must not be empty',
    ],
    [
      "tools without a name and with one too long, counted in characters and shown by its beginning",
      withPolicy({}, { tools: { "": {}, ["😀".repeat(512)]: {}, ["😀".repeat(513)]: {} } }),
      'tools[""]: has a name that must not be empty',
      `tools["${"😀".repeat(32)}"]: has a name that must have at most 512 characters`,
    ],
    [
      "an exclusion of nothing",
      withPolicy({ selector: { tools: ["!"] } }),
      'policies[0].selector.tools[0]: is an exclusion of nothing — write one "!" and a pattern after it',
    ],
  ];

  test.each(cases)("%s", (_name, document, ...expected) => {
    expect(issuesOf(document)).toEqual(expected);
  });
});
