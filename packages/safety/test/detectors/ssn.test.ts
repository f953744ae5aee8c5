import { expect, test } from "vitest";
import { found } from "../scan.ts";

test.each(["536-22-8145", "536.22.8145", "536 22 8145"])("finds the social security number %s", (number) => {
  expect(found("ssn", number)).toEqual([number]);
  expect(found("ssn", `(${number})`)).toEqual([number]);
});

test("finds nine plain digits only near the words", () => {
  expect(found("ssn", "Social Security number 536228145")).toEqual(["536228145"]);
  expect(found("ssn", "part 536228145")).toEqual([]);
});

test.each([
  "000-22-8145",
  "666-22-8145",
  "936-22-8145",
  "536-00-8145",
  "536-22-0000",
  "078-05-1120",
  "536-22.8145",
])("leaves %s alone, which was never issued or is not of one form", (number) => {
  expect(found("ssn", number)).toEqual([]);
});
