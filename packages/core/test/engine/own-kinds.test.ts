import { describe, expect, it } from "vitest";
import { z } from "zod";

import type { CompiledRule, RuleKind } from "../../src/rules/rule.ts";
import { blocking, createBench } from "../plane/bench.ts";

const check: CompiledRule["check"] = () => undefined;

/** A kind as somebody without types writes it. */
function kindOf(compiled: unknown, more: Partial<Record<keyof RuleKind, unknown>> = {}): RuleKind {
  const kind = {
    kind: "mine",
    summary: "A user's own rule.",
    timing: "blocking",
    hookpoints: ["*"],
    params: z.strictObject({}),
    example: {},
    isStateless: true,
    compile: () => compiled,
    ...more,
  };
  // What is wrong with it is what these tests are about.
  return kind as unknown as RuleKind;
}

const WATCHING = { timing: "nonBlocking" };

describe("a kind of one's own that could never do anything is a load error:", () => {
  it.for<[string, RuleKind, RegExp]>([
    ["a misspelt member", kindOf({ chek: check }), /p\.blocking\[0\].*"chek".*did you mean "check"/],
    ["a member too many", kindOf({ check, timeoutms: 5 }), /"timeoutms".*did you mean "timeoutMs"/],
    ["no member", kindOf({}), /compiles to nothing.*return check, limits, obligations/],
    ["a member that is not there", kindOf({ check: undefined }), /compiles to nothing/],
    ["nothing", kindOf(undefined), /compiles to nothing/],
    ["a text", kindOf("block"), /compiles to "0"/],
    ["a promise", kindOf(Promise.resolve({ check })), /compiles to nothing/],
    ["a watcher that blocks", kindOf({ observe: () => undefined }), /return check, limits, obligations/],
    ["a blocking one that watches", kindOf({ check }, WATCHING), /return observe, audit, limits/],
    [
      "a hookpoint that does not exist",
      kindOf({ check }, { hookpoints: ["before_tool"] }),
      /looks at "before_tool".*did you mean "before_tool_call"/,
    ],
    ["no hookpoint", kindOf({ check }, { hookpoints: [] }), /looks at "", which is no hookpoint/],
  ])("%s", ([, kind, message]) => {
    const policy = kind.timing === "blocking" ? blocking("p", [{ rule: "mine" }]) : watching();
    expect(() => createBench({ rules: [kind], policies: [policy] })).toThrow(message);
    expect(() => createBench({ rules: [kind], policies: [policy] })).toThrow(
      expect.objectContaining({ code: "config_invalid" }),
    );
  });

  it("and what can do something loads", () => {
    const kinds: readonly RuleKind[] = [
      kindOf({ check, reads: ["input"], timeoutMs: 5, close: () => undefined }),
      kindOf({ obligations: [] }, { hookpoints: ["before_publish", "after_publish", "before_*"] }),
      kindOf({ observe: () => undefined }, WATCHING),
      kindOf({ audit: { includeInput: true, includeResult: false } }, WATCHING),
    ];
    for (const kind of kinds) {
      const policy = kind.timing === "blocking" ? blocking("p", [{ rule: "mine" }]) : watching();
      const { plane } = createBench({ rules: [kind], policies: [policy], hookpoints: ["before_publish"] });
      expect(plane.engine.policies()).toHaveLength(1);
    }
  });
});

function watching() {
  return { id: "p", nonBlocking: [{ rule: "mine" }] };
}
