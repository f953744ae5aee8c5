import path from "node:path";
import { DatabaseSync, type SQLOutputValue } from "node:sqlite";

import { seedShop } from "./seed-shop.ts";

/** An order as the steps of the example need it. */
export interface Order {
  readonly id: number;
  readonly customerId: number;
  readonly article: string;
  readonly paid: number;
}

type Row = Readonly<Record<string, SQLOutputValue>>;

/** The shop's data in SQLite: what the agent's tools read and change. */
export class ShopDatabase {
  readonly #write: DatabaseSync;
  readonly #read: DatabaseSync;

  /** @param directory An empty directory of this run. */
  constructor(directory: string) {
    const file = path.join(directory, "shop.sqlite");
    this.#write = new DatabaseSync(file);
    seedShop(this.#write);
    // Whatever statement a model writes, this connection cannot change anything.
    this.#read = new DatabaseSync(file, { readOnly: true });
  }

  /** Answers a query; at most 50 rows. */
  query(sql: string): readonly Row[] {
    return this.#read.prepare(sql).all().slice(0, 50);
  }

  /**
   * Pays back a part of an order.
   * @throws Error when the order is unknown or less than the amount is left of what was paid.
   */
  refund({ orderId, amount, reason }: { orderId: number; amount: number; reason: string }): {
    refundId: number;
    left: number;
  } {
    const order = this.#write
      .prepare(
        "SELECT paid - COALESCE((SELECT SUM(amount) FROM refunds WHERE order_id = orders.id), 0) AS paid FROM orders WHERE id = ?",
      )
      .get(orderId);
    if (order === undefined) throw new Error(`there is no order ${orderId}`);
    const left = Number(order["paid"]);
    if (amount > left) throw new Error(`only ${left} of order ${orderId} can still be refunded`);
    const { lastInsertRowid } = this.#write
      .prepare("INSERT INTO refunds (order_id, amount, reason) VALUES (?, ?, ?)")
      .run(orderId, amount, reason);
    return { refundId: Number(lastInsertRowid), left: left - amount };
  }

  /** Puts an e-mail to a customer into the outbox; the shop's mailer would send it from there. */
  queueEmail({ customerId, subject, body }: { customerId: number; subject: string; body: string }): {
    emailId: number;
  } {
    const { lastInsertRowid } = this.#write
      .prepare("INSERT INTO emails (customer_id, subject, body) VALUES (?, ?, ?)")
      .run(customerId, subject, body);
    return { emailId: Number(lastInsertRowid) };
  }

  /** The refunds of an order, oldest first. */
  refundsOf(orderId: number): readonly number[] {
    return this.#write
      .prepare("SELECT amount FROM refunds WHERE order_id = ? ORDER BY id")
      .all(orderId)
      .map((row) => Number(row["amount"]));
  }

  /** Orders without a refund for which at least this much was paid, by id. */
  ordersAbove(paid: number): readonly Order[] {
    return this.#write
      .prepare(
        "SELECT id, customer_id, article, paid FROM orders WHERE paid >= ? AND id NOT IN (SELECT order_id FROM refunds) ORDER BY id",
      )
      .all(paid)
      .map((row) => ({
        id: Number(row["id"]),
        customerId: Number(row["customer_id"]),
        article: String(row["article"]),
        paid: Number(row["paid"]),
      }));
  }

  /** Every e-mail address and social security number in the data: what must appear nowhere else. */
  personalData(): readonly string[] {
    return this.#write
      .prepare("SELECT email, ssn FROM customers")
      .all()
      .flatMap((row) => [String(row["email"]), String(row["ssn"])]);
  }

  close(): void {
    this.#read.close();
    this.#write.close();
  }
}
