import { expect, test } from "vitest";
import { isLuhnValid } from "../../src/detectors/luhn.ts";
import { found } from "../scan.ts";

test.each([
  "4111111111111111",
  "4111 1111 1111 1111",
  "4111-1111-1111-1111",
  "5555555555554444",
  "2223003122003222",
  "378282246310005",
  "3782 822463 10005",
  "6011111111111117",
  "3530111333300000",
  "30569309025904",
])("finds the card number %s alone, in a sentence and in JSON", (number) => {
  expect(found("card", number)).toEqual([number]);
  expect(found("card", `My number is ${number}, thanks`)).toEqual([number]);
  expect(found("card", `{"n":"${number}"}`)).toEqual([number]);
});

test("finds two card numbers side by side", () => {
  expect(found("card", "4111 1111 1111 1111 5555 5555 5555 4444")).toHaveLength(2);
});

test("finds a card number after digits that look like its first group", () => {
  expect(found("card", "1234 4111 1111 1111 1111")).toEqual(["4111 1111 1111 1111"]);
});

test("finds a card number before another number that looks like its last group", () => {
  expect(found("card", "4111 1111 1111 1111 203.0.113.77")).toEqual(["4111 1111 1111 1111"]);
});

test("leaves a Luhn-valid order number alone when the text calls it an order", () => {
  expect(found("card", "Order no. 4111111111111111 has shipped")).toEqual([]);
  expect(found("card", '{"order_id": 1, "invoice": "4111111111111111"}')).toEqual([]);
});

test("reports a number that the text calls a card, whatever else it calls it", () => {
  expect(found("card", "order paid by card 4111111111111111")).toEqual(["4111111111111111"]);
});

test("leaves a Luhn-valid number of no issuer alone", () => {
  expect(isLuhnValid("9999999999999995")).toBe(true);
  expect(found("card", "number 9999999999999995")).toEqual([]);
});

test.each([
  ["a wrong check digit", "4111111111111112"],
  ["a longer number", "41111111111111110000"],
  ["an identifier", "x4111111111111111"],
  ["a decimal", "0.4111111111111111"],
])("does not take %s for a card number", (_what, text) => {
  expect(found("card", text)).toEqual([]);
});
