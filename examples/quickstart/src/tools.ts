import { tool } from "langchain";
import * as z from "zod";

import type { ShopDatabase } from "./shop/shop-database.ts";
import { readShopFile, searchFiles } from "./shop/shop-files.ts";

/**
 * The tools of the shop's agents: plain LangChain tools that know nothing of any policy.
 * @param shop The data they work on.
 */
// oxlint-disable-next-line typescript/explicit-module-boundary-types -- LangChain's tool types carry each tool's schema
export function shopTools(shop: ShopDatabase) {
  return [
    tool(({ sql }) => answer(() => shop.query(sql)), {
      name: "sql_query",
      description:
        "Reads the shop's SQLite database. Tables: customers(id, name, city, email, ssn), orders(id, customer_id, article, paid, ordered_on), refunds(id, order_id, amount, reason).",
      schema: z.object({ sql: z.string().describe("One SELECT statement") }),
    }),
    tool(({ text }) => answer(() => searchFiles(text)), {
      name: "search_files",
      description: "Finds the lines of the shop's documents that contain a text.",
      schema: z.object({ text: z.string() }),
    }),
    tool(({ name }) => answer(() => readShopFile(name)), {
      name: "read_file",
      description: "Reads one of the shop's documents, such as return-policy.md.",
      schema: z.object({ name: z.string() }),
    }),
    tool((refund) => answer(() => shop.refund(refund)), {
      name: "issue_refund",
      description: "Pays a part of an order back to the customer.",
      schema: z.object({ orderId: z.int(), amount: z.int().min(1), reason: z.string() }),
    }),
    tool((email) => answer(() => shop.queueEmail(email)), {
      name: "send_email",
      description: "Sends an e-mail to a customer, by the customer's id.",
      schema: z.object({ customerId: z.int(), subject: z.string(), body: z.string() }),
    }),
  ];
}

/** A wrong statement or order is something the model can correct: it reads the reason. */
function answer(work: () => unknown): string {
  try {
    const result = work();
    return typeof result === "string" ? result : JSON.stringify(result);
  } catch (error) {
    return `failed: ${error instanceof Error ? error.message : String(error)}`;
  }
}
