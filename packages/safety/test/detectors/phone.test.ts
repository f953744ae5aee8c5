import { expect, test } from "vitest";
import { found } from "../scan.ts";

test.each([
  "+44 20 7946 0958",
  "+1-415-555-0132",
  "+49 (30) 123456",
  "+33142685300",
  "(415) 555-0132",
  "415-555-0132",
  "1-415-555-0132",
  "415.555.0132 x769",
])("finds the phone number %s without context", (number) => {
  expect(found("phone", number)).toEqual([number]);
  expect(found("phone", `reach us, ${number}, at night`)).toEqual([number]);
});

test.each(["0341 8387176", "090-1234-5678", "01 84 17 61 18", "5403926876"])(
  "finds the national number %s only after a word that announces it",
  (number) => {
    expect(found("phone", `Mobile: ${number}`)).toEqual([number]);
    expect(found("phone", `item ${number}`)).toEqual([]);
  },
);

test.each([
  ["a date", "call on 2024-01-15"],
  ["an order number", "order 5403926876"],
  ["a long number", "+12345678901234567890"],
])("does not take %s for a phone number", (_what, text) => {
  expect(found("phone", text)).toEqual([]);
});
