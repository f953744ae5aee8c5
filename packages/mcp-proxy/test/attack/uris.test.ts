import { rule, type Policy } from "@agentplane/core";
import { describe, expect, test } from "vitest";

import { uriReadings } from "../../src/names/uri-readings.ts";
import { request, wiredRelay } from "../wired-relay.ts";

const read = (target: string, then: "allow" | "block" | "escalate"): Policy => ({
  id: "files",
  selector: { hookpoints: ["before_resource_read"] },
  blocking: [rule.condition({ where: { target }, then })],
});

/** Whether a URI is read under these policies, and what the server was sent. */
async function reading(
  uri: string,
  policies: Policy[],
  defaultEffect: "allow" | "block" = "allow",
  method = "resources/read",
) {
  const begin: Policy = {
    id: "begin",
    blocking: [rule.condition({ where: { hookpoint: "before_agent" }, then: "allow" })],
  };
  const planeOptions = { policies: [begin, ...policies], defaultEffect };
  const wired = wiredRelay(planeOptions, { serve: () => ({ result: {} }), approvalWaitMs: 0 });
  const params =
    method === "completion/complete" ? { ref: { type: "ref/resource", uri }, argument: {} } : { uri };
  wired.client(request(1, method, params));
  const answer = await wired.answer(1);
  await wired.plane.close();
  return { isRead: "result" in answer, sent: wired.toServer.map((text) => JSON.parse(text) as unknown) };
}

const SAME = [
  "file:///etc/%70asswd",
  "file:///etc/%70%61%73%73%77%64",
  "file:///x/../etc/passwd",
  "file:///x/%2e%2E/etc/passwd",
  "file:///x%2f..%2Fetc/passwd",
  "file:///etc%2fpasswd",
  "file:///etc/./passwd",
  "file:///etc//passwd",
  "file:////etc/passwd",
  "file:/etc/passwd",
  "file:etc/passwd",
  "file://localhost/etc/passwd",
  "FILE:///etc/passwd",
  "file:\\\\\\etc\\passwd",
  "file:///etc/passwd#x",
  "file:///etc/passwd?x=1",
  " file:///etc/pass\twd\n",
  "file:///../../etc/passwd",
];

describe("a denied file", () => {
  test.each(SAME)("is not read as %j", async (uri) => {
    const denied = read("file:///etc/passwd", "block");
    expect(await reading(uri, [denied])).toMatchObject({ isRead: false, sent: [] });
    for (const method of ["resources/subscribe", "completion/complete"])
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      expect(await reading(uri, [denied], "allow", method)).toMatchObject({ isRead: false, sent: [] });
    expect((await reading(uri, [read("file:///etc/passwd", "escalate")])).isRead).toBe(false);
  });

  test.each([
    ["file:///a%20b", "file:///a b"],
    ["file:///a b", "file:///a%20b"],
    ["file:///gr%C3%BCn", "file:///grün"],
    ["file:///grün", "file:///gr%c3%bcn"],
    ["notes://shop/a/b", "notes://shop/a/x/../b"],
    ["notes://shop/a", "NOTES://shop/%61"],
  ])("that a policy names %j is not read as %j", async (named, uri) => {
    expect(await reading(uri, [read(named, "block")])).toMatchObject({ isRead: false, sent: [] });
  });
});

describe("where only some files may be read", () => {
  const ofShop = [read("file:///srv/*", "allow")];

  test.each(["file:///srv/../etc/passwd", "file:///srv/%2e%2e/etc/passwd", "file:///srv/..%2fetc/passwd"])(
    "%j is none of them",
    async (uri) => {
      expect(await reading(uri, ofShop, "block")).toMatchObject({ isRead: false, sent: [] });
    },
  );

  test.each([
    ["file:///srv/a.md", "file:///srv/*"],
    ["file:///srv/a%20b.md", "file:///srv/a%20b.md"],
    ["notes://shop/gr%C3%BCn?x=%2F#y", "notes://shop/*"],
    ["notes://shop/{id}", "notes://shop/{id}"],
    ["urn:isbn:0451450523", "urn:isbn:*"],
    ["handbook", "handbook"],
  ])("%j is one, and goes on as it is written", async (uri, named) => {
    const { isRead, sent } = await reading(uri, [read(named, "allow")], "block");
    expect(isRead).toBe(true);
    expect(sent).toMatchObject([{ params: { uri } }]);
  });
});

test("who may not read a file does not hear of it under another name", async () => {
  const wired = wiredRelay({ policies: [read("file:///etc/passwd", "block")] });
  for (const uri of ["file:///etc/%70asswd", "file:///srv/a"])
    wired.server({ jsonrpc: "2.0", method: "notifications/resources/updated", params: { uri } });
  await expect.poll(() => wired.toClient.length).toBe(1);
  expect(wired.toClient[0]).toContain("file:///srv/a");
  await wired.plane.close();
});

test.each([
  "file:///srv/a.md",
  "file:///",
  "https://example.org/a?b=1#c",
  "x://h",
  "memo:1",
  "handbook",
  "a/../b",
])("%j can be taken for itself alone", (uri) => {
  expect(uriReadings(uri)).toStrictEqual([{ name: uri, isOtherSpelling: false }]);
});

test.each([
  ["resources/list", "resources", "uri"],
  ["resources/templates/list", "resourceTemplates", "uriTemplate"],
])("%s shows of a denied file no other name either", async (method, list, member) => {
  const items = [...SAME, "file:///etc/passwd.md"].map((uri) => ({ name: "f", [member]: uri }));
  const policies = [read("file:///etc/passwd", "block")];
  const wired = wiredRelay({ policies }, { serve: () => ({ result: { [list]: items } }) });
  wired.client(request(1, method));
  const shown = { name: "f", [member]: "file:///etc/passwd.md" };
  expect(await wired.answer(1)).toHaveProperty("result", { [list]: [shown] });
  await wired.plane.close();
});

test("a list shows of a denied prompt no other name either", async () => {
  const prompts = ["plan", "PLAN ", "\u200bplan", "\uff50lan", "plan\0x", "plans"].map((name) => ({ name }));
  const noPlan: Policy = {
    id: "no-plan",
    selector: { hookpoints: ["before_prompt_get"] },
    blocking: [rule.condition({ where: { target: "plan" } })],
  };
  const wired = wiredRelay({ policies: [noPlan] }, { serve: () => ({ result: { prompts } }) });
  wired.client(request(1, "prompts/list"));
  const shown = [{ name: "PLAN " }, { name: "plans" }];
  expect(await wired.answer(1)).toHaveProperty("result", { prompts: shown });
  await wired.plane.close();
});

test("half a character in a URI is no way around, and no failure", async () => {
  const uri = "file:///etc/%70asswd?\ud800";
  expect(await reading(uri, [read("file:///etc/passwd", "block")])).toMatchObject({
    isRead: false,
    sent: [],
  });
});

test.each([
  "https://EXAMPLE.com/secret",
  "https:\\\\example.com\\secret",
  "https://example.com:443/secret",
  "https:/example.com/secret",
  "HTTPS://example.com/x/../secret",
])("a denied page is not read as %j", async (uri) => {
  const denied = read("https://example.com/secret", "block");
  expect(await reading(uri, [denied])).toMatchObject({ isRead: false, sent: [] });
});

describe("a template of which no expansion may be read", () => {
  test.each([
    ["file:///logs{?level}", "file:///logs"],
    ["file:///logs{?level,day}{#line}", "file:///logs"],
    ["file:///x/../logs{#line}", "file:///logs"],
    ["file:///logs{/name}", "file:///logs/*"],
    ["file:///logs/{+path}", "file:///logs/*"],
    ["https://example.com/logs{?level}", "https://example.com/logs?*"],
    ["notes://shop/a{.format}", "notes://shop/a.*"],
    ["notes://shop/a{;v}{&w}", "notes://shop/a;*"],
  ])("%j of %j is not listed, and no value of it completed", async (uriTemplate, denied) => {
    const policies = [read(denied, "block")];
    const items = [uriTemplate, "file:///log{?level}"].map((one) => ({ name: "t", uriTemplate: one }));
    const wired = wiredRelay({ policies }, { serve: () => ({ result: { resourceTemplates: items } }) });
    wired.client(request(1, "resources/templates/list"));
    expect(await wired.answer(1)).toHaveProperty("result.resourceTemplates", items.slice(1));
    await wired.plane.close();
    expect(await reading(uriTemplate, policies, "allow", "completion/complete")).toMatchObject({
      isRead: false,
      sent: [],
    });
  });

  test("is what policies call it too", async () => {
    const template = "notes://shop/a{?level}";
    const { isRead } = await reading(template, [read(template, "allow")], "block", "completion/complete");
    expect(isRead).toBe(true);
  });
});
