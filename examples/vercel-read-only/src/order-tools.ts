import { tool, type ToolSet } from "ai";
import * as z from "zod";

const input = z.object({ order: z.string() });

/** What the tools did, in order. */
export const done: string[] = [];

/** Tools of a shop: one reads, one writes. */
export const ORDER_TOOLS: ToolSet = {
  read_order: tool({
    description: "Reads an order.",
    inputSchema: input,
    execute: async ({ order }) => {
      done.push(`read ${order}`);
      return { order, state: "shipped" };
    },
  }),
  cancel_order: tool({
    description: "Cancels an order.",
    inputSchema: input,
    execute: async ({ order }) => {
      done.push(`cancelled ${order}`);
      return { order, state: "cancelled" };
    },
  }),
};
