import { expect, test } from "vitest";
import { found } from "../scan.ts";

test.each([
  ["at the start", "jane@mail.example says hello", "jane@mail.example"],
  ["at the end, before a full stop", "write to jane@mail.example.", "jane@mail.example"],
  ["inside JSON", '{"to":["jane@mail.example"]}', "jane@mail.example"],
  ["next to Unicode quotation marks", "mail \u201cjane@mail.example\u201d now", "jane@mail.example"],
  ["next to Chinese text", "\u8054\u7cfbjane@mail.example\u8c22\u8c22", "jane@mail.example"],
  ["with plus and accents", "j\u00fcrgen+tag@b\u00fccher.example", "j\u00fcrgen+tag@b\u00fccher.example"],
  ["with a punycode domain", "user@xn--80ak6aa92e.com", "user@xn--80ak6aa92e.com"],
  ["before a hyphen", "jane@mail.example- now", "jane@mail.example"],
  ["before a hyphen and a number", "jane@mail.example-2", "jane@mail.example"],
  ["at the end of a longer run", `${"a".repeat(80)}.jane@mail.example`, "jane@mail.example"],
  ["before three dots", "ask jane@mail.example...now", "jane@mail.example"],
  ["after an address that is none", "a@b@mail.example", "b@mail.example"],
])("finds an email address %s", (_where, text, expected) => {
  expect(found("email", text)).toEqual([expected]);
});

test.each([
  ["a scoped package", "import x from '@scope/package.json'"],
  ["a package version", "lodash@4.17.21 and next@15.0.0-canary.rc"],
  ["a repository address", "git clone git@github.example:owner/name.git"],
  ["a host without a top-level domain", "root@localhost"],
  ["an empty label", "a@.example and a@b..example"],
  ["a domain longer than any", `a@${"b.".repeat(200)}example`],
])("does not take %s for an email address", (_what, text) => {
  expect(found("email", text)).toEqual([]);
});
