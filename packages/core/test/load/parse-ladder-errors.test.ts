import { describe, expect, test } from "vitest";

import { issuesOf, rate, step, withPolicy } from "./documents.ts";

describe("an error across fields names its place and the way out", () => {
  const cases: readonly [name: string, document: unknown, ...expected: string[]][] = [
    [
      "a repeated kind without ids",
      withPolicy({ blocking: [rate, { ...rate, id: "b" }] }),
      'policies[0].blocking[0].id: is required: "rate" appears more than once in this policy — give each its own id',
    ],
    [
      "one rule id twice",
      withPolicy({
        blocking: [
          { ...rate, id: "x" },
          { rule: "denylist", id: "x", tools: ["a"] },
        ],
      }),
      'policies[0].blocking[1].id: "x" is already the id of another rule of this policy',
    ],
    [
      "an id that is another rule's kind",
      withPolicy({
        blocking: [
          { ...rate, id: "x" },
          { rule: "denylist", id: "rate", tools: ["a"] },
        ],
      }),
      'policies[0].blocking[1].id: "rate" is also the kind of another rule, so a trigger could mean both',
    ],
    [
      "a ladder step that never counts",
      withPolicy({ blocking: [rate], escalation: [{ ...step, after: 0 }] }),
      "policies[0].escalation[0].after: must be at least 1",
    ],
    [
      "two actions in one level",
      withPolicy({ blocking: [rate], escalation: [{ ...step, action: { hitl: {}, block: {} } }] }),
      "policies[0].escalation[0].action: must have exactly one of alert, hitl, degrade, block — write one level per action",
    ],
    [
      "several approvers who are not operators",
      withPolicy({ blocking: [rate], escalation: [{ ...step, action: { hitl: { approvers: 2 } } }] }),
      "policies[0].escalation[0].action.hitl.by: must be operator when more than one person has to approve — add by: operator",
    ],
    [
      "silence as consent",
      withPolicy({ blocking: [rate], escalation: [{ ...step, action: { hitl: { onTimeout: "allow" } } }] }),
      'policies[0].escalation[0].action.hitl.onTimeout: must be "deny", not "allow" — use "deny"',
    ],
    [
      "an unknown degradation mode",
      withPolicy({ blocking: [rate], escalation: [{ ...step, action: { degrade: { mode: "READONLY" } } }] }),
      'policies[0].escalation[0].action.degrade.mode: must be "READ_ONLY", "NO_EXTERNAL", "RATE_THROTTLE", "HUMAN_LOOP", "SAFE_TOOLS_ONLY" or "FULL_BLOCK", not "READONLY" — did you mean "READ_ONLY"?',
    ],
    [
      "a throttle setting without a throttle",
      withPolicy({
        blocking: [rate],
        escalation: [{ ...step, action: { degrade: { mode: "READ_ONLY", perMinute: 1 } } }],
      }),
      "policies[0].escalation[0].action.degrade.perMinute: has no meaning for READ_ONLY — remove it, or use mode: RATE_THROTTLE",
    ],
    [
      "a recovery by a rule that does not exist",
      withPolicy({
        blocking: [rate],
        escalation: [
          {
            ...step,
            action: {
              degrade: { mode: "READ_ONLY", recover: { when: { headroom: { rule: "rat", atLeast: 0.1 } } } },
            },
          },
        ],
      }),
      'policies[0].escalation[0].action.degrade.recover.when.headroom.rule: "rat" is no limit of this policy — did you mean "rate"?',
    ],
    [
      "an unknown alert channel",
      withPolicy({
        blocking: [rate],
        escalation: [{ ...step, action: { alert: { channel: "slak", url: "https://a.example" } } }],
      }),
      'policies[0].escalation[0].action.alert.channel: must name a known variant — did you mean "slack"?',
    ],
    [
      "an unknown trait",
      withPolicy({}, { tools: { "my tool": { acess: "read" } } }),
      'tools["my tool"].acess: is not a known field — did you mean "access"?',
    ],
    [
      "an unknown default effect",
      withPolicy({}, { defaultEffect: null }),
      'defaultEffect: must be "allow" or "block", not null',
    ],
    [
      "one tool declared under two spellings of its name",
      withPolicy({}, { tools: { "caf\u00E9": {}, "cafe\u0301": {} } }),
      'tools["cafe\u0301"]: is declared twice (the same name after NFC)',
    ],
  ];

  test.each(cases)("%s", (_name, document, ...expected) => {
    expect(issuesOf(document)).toEqual(expected);
  });
});
