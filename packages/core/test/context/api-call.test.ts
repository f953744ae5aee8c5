import * as fc from "fast-check";
import { describe, expect, test } from "vitest";

import { apiCallOf, normaliseApiCall, urlOf } from "../../src/context/api-call.ts";
import { snapshot } from "../../src/context/snapshot.ts";

function pathOf(path: string): string {
  const call = normaliseApiCall("GET", `https://api.example.com${path}`);
  return "refused" in call ? `refused: ${call.refused}` : call.path;
}

function hostOf(authority: string, scheme = "https"): string {
  const call = normaliseApiCall("GET", `${scheme}://${authority}/x`);
  return "refused" in call
    ? `refused: ${call.refused}`
    : `${call.host}${call.port === undefined ? "" : `:${call.port}`}`;
}

test("reads a call: upper-case method, no query, no fragment", () => {
  expect(normaliseApiCall("get", "HTTPS://API.Example.com/v1/users?token=a%2Fb\u0020c#x")).toStrictEqual({
    method: "GET",
    scheme: "https",
    host: "api.example.com",
    path: "/v1/users",
  });
});

test.for([
  ["", "/"],
  ["/", "/"],
  ["/Admin/x", "/Admin/x"],
  ["/api/../admin/x", "/admin/x"],
  ["/api/./admin/x/", "/api/admin/x/"],
  ["/api/%2e%2E/admin/x", "/admin/x"],
  ["/api/x/..", "/api/"],
  ["/../../admin/x", "/admin/x"],
  ["/%61dmin/x", "/admin/x"],
  ["/users/%40me", "/users/@me"],
  ["/%e2%82%ac", "/%E2%82%AC"],
  ["/€ b", "/%E2%82%AC%20b"],
  ["/a;v=1/b", "/a;v=1/b"],
  ["/a%3Bb%3Fc", "/a%3Bb%3Fc"],
  ["/.../..a/b..", "/.../..a/b.."],
])("normalises the path %s to %s", ([path, expected]) => {
  expect(pathOf(path!)).toBe(expected);
});

test.for([
  ["//admin/x", "empty segment"],
  ["/api//admin/x", "empty segment"],
  ["/a/..//admin", "empty segment"],
  ["/api%2fadmin", "escaped slash"],
  ["/api%2F..%2Fadmin", "escaped slash"],
  ["/api%5cadmin", "escaped slash, backslash"],
  ["/api%252fadmin", "percent sign"],
  ["/api%25", "percent sign"],
  ["/api\\..\\admin", "backslash"],
  ["/api%zz", "invalid escape"],
  ["/api%", "invalid escape"],
  ["/api%4", "invalid escape"],
  ["/api%00", "control character"],
  ["/api%0d%0aX", "control character"],
  ["/api\tadmin", "control character"],
  ["/a\u0000", "control character"],
  ["/%c0%ae%c0%ae/admin", "not UTF-8"],
  ["/%ff", "not UTF-8"],
  ["/\uD800", "not UTF-8"],
  ["/public/..;/admin", "dot segment"],
  ["/public/.;x=1/admin", "dot segment"],
  ["/public/%2e%2e;/admin", "dot segment"],
])("refuses the path %j: %s", ([path, why]) => {
  expect(pathOf(path!)).toMatch(new RegExp(`^refused: .*${why}`));
});

test.for([
  ["API.Example.COM", "api.example.com"],
  ["api.example.com.", "api.example.com"],
  ["api.example.com:443", "api.example.com"],
  ["api.example.com:0443", "api.example.com"],
  ["api.example.com:", "api.example.com"],
  ["api.example.com:8443", "api.example.com:8443"],
  ["bücher.example", "xn--bcher-kva.example"],
  ["BÜCHER.example", "xn--bcher-kva.example"],
  ["xn--bcher-kva.example", "xn--bcher-kva.example"],
  ["ａｐｉ.example", "api.example"],
  ["0x7f.1", "127.0.0.1"],
  ["2130706433", "127.0.0.1"],
  ["0177.0.0.1", "127.0.0.1"],
  ["127.1.", "127.0.0.1"],
  ["[::1]", "[::1]"],
  ["[0:0::0:1]:8080", "[::1]:8080"],
  ["[::ffff:127.0.0.1]", "127.0.0.1"],
  ["[::FFFF:7f00:1]", "127.0.0.1"],
])("normalises the host %s to %s", ([authority, expected]) => {
  expect(hostOf(authority!)).toBe(expected);
});

test("leaves out the default port of its own scheme only", () => {
  expect(hostOf("a.example:80", "http")).toBe("a.example");
  expect(hostOf("a.example:80")).toBe("a.example:80");
  expect(hostOf("a.example:443", "http")).toBe("a.example:443");
});

test.for([
  ["user@evil.example", "user information"],
  ["user:pass@evil.example", "user information"],
  ["good.example@evil.example", "user information"],
  ["good.example\\@evil.example", "backslash"],
  ["%65vil.example", "escape"],
  ["a.example..", "not valid"],
  ["..", "not valid"],
  ["a..example", "not valid"],
  ["a.example:99999", "not valid"],
  ["a.example:x", "not valid"],
  ["a b.example", "not valid"],
  ["256.1.1.1", "not valid"],
  ["[::1", "not valid"],
  ["a.example\n", "control character"],
])("refuses the host %j: %s", ([authority, why]) => {
  expect(hostOf(authority!)).toMatch(new RegExp(`^refused: .*${why}`));
});

test.for([
  "/admin/x",
  "//evil.example/x",
  "api.example.com/x",
  "ftp://a.example/",
  "file:///etc/passwd",
  "https:a.example/x",
  "https:/a.example/x",
  "https:///x",
  "",
  " https://a.example/",
  "javascript:alert(1)",
])("refuses %j, which is no absolute http or https URL", (url) => {
  expect(normaliseApiCall("GET", url)).toHaveProperty("refused");
});

test.for(["", "GET /", "GET\n", "G3T"])("refuses the method %j", (method) => {
  expect(normaliseApiCall(method, "https://a.example/")).toHaveProperty("refused");
});

test("never repeats the URL in a refusal", () => {
  expect(JSON.stringify(normaliseApiCall("GET", "https://user:hunter2@a.example/"))).not.toContain("hunter2");
});

test("what it gives is normal already, and has no ambiguous part left", () => {
  const piece = fc.constantFrom(
    "/",
    ".",
    "..",
    "%2e",
    "%61",
    "%c3%bc",
    ";",
    "a",
    "B",
    "%3b",
    "@",
    "ü",
    "%",
    "%2",
    "|",
  );
  const host = fc.constantFrom(
    "A.example",
    "b.example.",
    "ü.example",
    "0x7f.1",
    "[::ffff:1.2.3.4]",
    "1.2.3.4:443",
    "c.example:81",
  );
  fc.assert(
    fc.property(
      host,
      fc.array(piece, { maxLength: 8 }),
      fc.constantFrom("http", "https"),
      (authority, pieces, scheme) => {
        const call = normaliseApiCall("post", `${scheme}://${authority}/${pieces.join("")}`);
        if ("refused" in call) return;
        expect(normaliseApiCall(call.method, urlOf(call))).toStrictEqual(call);
        expect(call.path.split("/").slice(1, -1)).not.toContain("");
        expect(call.path.split("/").filter((segment) => segment === "." || segment === "..")).toStrictEqual(
          [],
        );
      },
    ),
    { numRuns: 1_000 },
  );
});

describe("the call of a mapped tool", () => {
  const input = snapshot({ request: { url: "https://A.example/x", verb: "put" }, n: 1 });

  test("takes constants and paths into the input", () => {
    expect(apiCallOf({ method: "$.request.verb", url: "$.request.url" }, input)).toMatchObject({
      method: "PUT",
      host: "a.example",
    });
    expect(apiCallOf({ method: "GET", url: "https://b.example/y" }, undefined)).toMatchObject({
      method: "GET",
      path: "/y",
    });
  });

  test("is not known without a mapping, or where the input does not say", () => {
    expect(apiCallOf(undefined, input)).toBeUndefined();
    for (const url of ["$.nothing", "$.n", "$.request", "$.__proto__"]) {
      expect(apiCallOf({ method: "GET", url }, input)).toBeUndefined();
    }
    expect(apiCallOf({ method: "GET", url: "$.url" }, undefined)).toBeUndefined();
  });

  test("is refused where its URL cannot be judged", () => {
    expect(apiCallOf({ method: "GET", url: "$" }, "https://u@a.example/")).toHaveProperty("refused");
  });
});
