import { expect, test } from "vitest";

import { apiDenylist } from "../../src/rules/api-denylist.ts";
import { answerOf, compileRule, problemsOf, toolCall } from "./compile-rule.ts";

const traits = { api: { method: "GET", url: "$.url" } };

/** What an API denylist with this entry says of a URL. */
const ask = (entry: object, url: string): string =>
  answerOf(compileRule(apiDenylist, { rules: [entry] }), toolCall("http", { url }), { traits });

test.for([
  ["evil.example", "https://evil.example:8443/x"],
  ["evil.example:8443", "https://evil.example:8443/x"],
  ["evil.example:443", "https://evil.example/x"],
  ["evil.example:08080", "http://evil.example:8080/x"],
  ["EVIL.example.", "https://evil.example/x"],
  ["bücher.example", "https://bücher.example/x"],
  ["xn--bcher-kva.example", "https://bücher.example/x"],
  ["0x7f.1", "http://127.0.0.1/x"],
  ["127.0.0.1", "http://2130706433/x"],
  ["[0:0::1]", "http://[::1]/x"],
  ["[::1]:8080", "http://[::1]:8080/x"],
  ["*.evil.example.", "https://a.evil.example:1/x"],
  ["10.*", "http://10.1.2.3:81/x"],
])("a host written %s is met by %s", ([host, url]) => {
  expect(ask({ hosts: [host] }, url!)).toBe("block");
});

test("a host with a port means that port alone", () => {
  expect(ask({ hosts: ["evil.example:8443"] }, "https://evil.example/x")).toBe("skip");
  expect(ask({ hosts: ["evil.example", "!evil.example:8080"] }, "http://evil.example:8080/x")).toBe("skip");
  expect(ask({ hosts: ["evil.example", "!evil.example"] }, "http://evil.example:8080/x")).toBe("block");
});

test.for([
  ["/café", "https://h.test/caf%C3%A9"],
  ["/caf%c3%a9", "https://h.test/café"],
  ["/a b", "https://h.test/a%20b"],
  ["/a%2Db", "https://h.test/a-b"],
  ["*/täter/*", "https://h.test/x/t%C3%A4ter/y"],
])("a path written %s is met by %s", ([path, url]) => {
  expect(ask({ paths: [path] }, url!)).toBe("block");
});

test.for([
  ["hosts", "https://evil.example"],
  ["hosts", "evil.example/"],
  ["hosts", "user@evil.example"],
  ["hosts", "127.0.0.1/8"],
  ["hosts", "::1"],
  ["hosts", "evil.example:99999"],
  ["hosts", "evil.example:x"],
  ["hosts", "*.bücher.example"],
  ["hosts", "a..example"],
  ["paths", "/a/../b"],
  ["paths", "/a/."],
  ["paths", "//b"],
  ["paths", "/x#y"],
  ["paths", "/a%2fb"],
  ["paths", "/a%2Ab"],
  ["paths", "/a%zz"],
  ["methods", "GET, POST"],
  ["methods", "GET /x"],
])("%s that no call can have, such as %s, are refused when they are loaded", ([dimension, pattern]) => {
  expect(problemsOf(apiDenylist, { rules: [{ [dimension!]: [pattern] }] })).toHaveLength(1);
});
