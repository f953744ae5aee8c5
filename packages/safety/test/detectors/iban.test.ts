import { expect, test } from "vitest";
import { found } from "../scan.ts";

test.each([
  "GB82WEST12345698765432",
  "GB82 WEST 1234 5698 7654 32",
  "DE89 3704 0044 0532 0130 00",
  "de89370400440532013000",
  "NO9386011117947",
  "MT84 MALT 0110 0001 2345 MTLC AST0 01S",
])("finds the account number %s at the start, at the end and in JSON", (number) => {
  expect(found("iban", number)).toEqual([number]);
  expect(found("iban", `pay to ${number}.`)).toEqual([number]);
  expect(found("iban", `{"iban":"${number}"}`)).toEqual([number]);
});

test.each([
  ["a wrong check digit", "GB82 WEST 1234 5698 7654 33"],
  ["a wrong length", "GB82 WEST 1234 5698 7654 3"],
  ["an unknown country", "ZZ82 WEST 1234 5698 7654 32"],
  ["two spaces between groups", "GB82  WEST 1234 5698 7654 32"],
])("does not take a number with %s for an account number", (_what, text) => {
  expect(found("iban", text)).toEqual([]);
});
