import type { JsonValue } from "../base/json.ts";
import type { Truth, TruthTest, Unanswered } from "./where-truth.ts";

/** A comparison of one value with a number or a text by their order. */
export interface OrderTest {
  readonly operand: number | string;
  /** @param compared Negative: the value is less than the operand; 0: they are equal; positive: it is greater. */
  readonly holds: (compared: number) => boolean;
  /** The answer for a value that is not there. */
  readonly absent: Truth;
  /** The answer for a value of another type. */
  readonly mismatch: Unanswered;
}

/** Answers a comparison. */
export function orderTruth(value: JsonValue | undefined, order: OrderTest): Truth {
  const { operand } = order;
  if (value === undefined) return order.absent;
  // "600" must not slip past a comparison with 500: a text and a number have no order.
  if (typeof value !== typeof operand) return order.mismatch;
  if (value === operand) return order.holds(0);
  // The two have one type, a number or a text, which TypeScript cannot see.
  return order.holds((value as number) < (operand as number) ? -1 : 1);
}

const orders = new WeakMap<TruthTest<JsonValue | undefined>, OrderTest>();

/** A comparison as a test of its own. */
export function orderTest(order: OrderTest): TruthTest<JsonValue | undefined> {
  const test = (value: JsonValue | undefined): Truth => orderTruth(value, order);
  orders.set(test, order);
  return test;
}

/** The comparison that a test consists of, so that whoever compiles it into something larger needs no closure for it. */
export function orderOf(test: TruthTest<JsonValue | undefined>): OrderTest | undefined {
  return orders.get(test);
}
