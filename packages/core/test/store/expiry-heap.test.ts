import * as fc from "fast-check";
import { expect, test } from "vitest";

import { ExpiryHeap, type Expiring } from "../../src/store/expiry-heap.ts";

test("gives items back in the order they fall due, also after removals and changes", () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(3), fc.nat(1_000), fc.nat(30)), { maxLength: 100 }), (steps) => {
      const heap = new ExpiryHeap<Expiring>();
      const queued: Expiring[] = [];
      for (const [kind, dueMs, position] of steps) {
        const victim = queued[position % Math.max(1, queued.length)];
        if (kind === 0 && victim !== undefined) {
          heap.remove(victim);
          heap.remove(victim);
          queued.splice(queued.indexOf(victim), 1);
        } else if (kind === 1 && victim !== undefined) {
          heap.reschedule(victim, dueMs);
        } else {
          const item = { dueMs, heapIndex: -1 };
          heap.push(item);
          queued.push(item);
        }
        expect(heap.size).toBe(queued.length);
        expect(heap.peek()?.dueMs).toBe(
          queued.length === 0 ? undefined : Math.min(...queued.map((one) => one.dueMs)),
        );
      }
      const order: number[] = [];
      for (let item = heap.popDue(600); item !== undefined; item = heap.popDue(600)) order.push(item.dueMs);
      expect(order).toStrictEqual(
        queued
          .map(({ dueMs }) => dueMs)
          .filter((dueMs) => dueMs <= 600)
          .toSorted((a, b) => a - b),
      );
    }),
  );
});
