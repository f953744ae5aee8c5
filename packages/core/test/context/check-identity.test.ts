import { expect, test } from "vitest";

import { ConfigError } from "../../src/base/errors.ts";
import { checkIdentity, type IdentityForm } from "../../src/context/check-identity.ts";

function issuesOf(identity: unknown, form?: IdentityForm): readonly string[] {
  try {
    checkIdentity("govern", identity, form);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error.issues.map(({ path, message, suggestion }) => `${path}: ${message} — ${suggestion}`);
  }
  return [];
}

const RUN: IdentityForm = { places: ["fromRun"] };

test("takes who acts as it is meant", () => {
  const full = { agent: "bot", tenant: "acme", user: "ann", session: "s", tags: { env: "prod" } };
  expect(issuesOf(full)).toStrictEqual([]);
  expect(issuesOf({ agent: "bot", tenant: undefined, tags: undefined })).toStrictEqual([]);
  expect(issuesOf({ agent: "bot", fromRun: { tenant: "tenantId", user: undefined } }, RUN)).toStrictEqual([]);
  expect(issuesOf({ agent: "bot", approver: "mira" }, { texts: ["approver"] })).toStrictEqual([]);
  expect(issuesOf({ tenant: "acme" }, { isNamed: false })).toStrictEqual([]);
});

test("refuses what would be nobody's call, and says what was probably meant", () => {
  expect(issuesOf({ agent: "bot", tenantId: "acme", sesion: "s" })).toStrictEqual([
    'identity.tenantId: unknown member — did you mean "tenant"?',
    'identity.sesion: unknown member — did you mean "session"?',
  ]);
  expect(issuesOf({ agent: "bot", fromRun: { tenantId: "tenant" } }, RUN)).toStrictEqual([
    'identity.fromRun.tenantId: unknown member — did you mean "tenant"?',
  ]);
  expect(issuesOf({ agent: "bot", fromRun: {} })).toStrictEqual([
    "identity.fromRun: unknown member — use one of agent, tenant, user, session, tags",
  ]);
  expect(issuesOf({ agent: "bot" }, { isNamed: false })).toStrictEqual([
    "identity.agent: unknown member — use one of tenant, user, session, tags",
  ]);
});

test.each([
  ["an empty agent", { agent: "" }, "identity.agent"],
  ["no agent", { tenant: "acme" }, "identity.agent"],
  ["an empty tenant", { agent: "bot", tenant: "" }, "identity.tenant"],
  ["a user that is no text", { agent: "bot", user: 7 }, "identity.user"],
  ["a session that is null", { agent: "bot", session: null }, "identity.session"],
  ["an empty place", { agent: "bot", fromRun: { tenant: "" } }, "identity.fromRun.tenant"],
])("refuses %s", (_what, identity, path) => {
  expect(issuesOf(identity, RUN)).toStrictEqual([
    `${path}: is no name — use a non-empty text, or leave it out where it is optional`,
  ]);
});

test.each([
  ["identity", "bot"],
  ["identity", undefined],
  ["identity", ["bot"]],
  ["identity.fromRun", { agent: "bot", fromRun: "tenant" }],
  ["identity.tags", { agent: "bot", tags: "prod" }],
])("refuses %s that is no object", (path, identity) => {
  expect(issuesOf(identity, RUN)).toStrictEqual([`${path}: is no object — use { … }`]);
});

test("refuses a tag that is no text", () => {
  expect(issuesOf({ agent: "bot", tags: { env: 1 } })).toStrictEqual([
    "identity.tags.env: is no text — use a text",
  ]);
});

test("names the function that was given it", () => {
  expect(() => checkIdentity("guardTools", { agent: "" })).toThrow(/^guardTools: 1 configuration error/);
});

test("an inherited member counts, as it does where identities are read", () => {
  const base = { tenantId: "acme" };
  expect(issuesOf(Object.assign(Object.create(base) as object, { agent: "bot" }))).toHaveLength(1);
});
