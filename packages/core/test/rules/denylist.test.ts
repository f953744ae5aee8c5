import { expect, test } from "vitest";

import { denylist } from "../../src/rules/denylist.ts";
import { answerOf, ask, compileRule, contextAt, toolCall } from "./compile-rule.ts";

test("blocks a listed tool and says nothing of others", () => {
  const rule = compileRule(denylist, { tools: ["shell"] });
  expect(answerOf(rule, toolCall("shell"))).toBe("block");
  expect(ask(rule, toolCall("search"))).toBeUndefined();
  expect(ask(rule, contextAt("before_tool_call"))).toBeUndefined();
});

test("documented_globs_match", () => {
  const rule = compileRule(denylist, { tools: ["delete_*", "!delete_draft"] });
  expect(answerOf(rule, toolCall("delete_user"))).toBe("block");
  expect(answerOf(rule, toolCall("delete_draft"))).toBe("skip");
  expect(answerOf(rule, toolCall("undelete_user"))).toBe("skip");
});

test("blocks a tool under every name it has, so that an alias does not slip past", () => {
  const alias = { server: "files", originalName: "delete_all" };
  expect(answerOf(compileRule(denylist, { tools: ["delete_*"] }), toolCall("tidy", {}, alias))).toBe("block");
  expect(answerOf(compileRule(denylist, { tools: ["files/*"] }), toolCall("tidy", {}, alias))).toBe("block");
});

test("never grants: an exclusion only says nothing", () => {
  expect(answerOf(compileRule(denylist, { tools: ["!search"] }), toolCall("search"))).toBe("skip");
});
