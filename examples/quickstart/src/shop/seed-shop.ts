import type { DatabaseSync } from "node:sqlite";

import { ARTICLES, CITIES, FIRST_NAMES, LAST_NAMES, MAIL_DOMAINS } from "./names.ts";

/** How much the shop holds: the same rows on every run. */
export const SHOP_SIZE = { customers: 80, orders: 240, refunds: 25 } as const;

const SCHEMA = `
  CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT NOT NULL, city TEXT NOT NULL, email TEXT NOT NULL UNIQUE, ssn TEXT NOT NULL UNIQUE);
  CREATE TABLE orders (id INTEGER PRIMARY KEY, customer_id INTEGER NOT NULL REFERENCES customers, article TEXT NOT NULL, paid INTEGER NOT NULL, ordered_on TEXT NOT NULL);
  CREATE TABLE refunds (id INTEGER PRIMARY KEY, order_id INTEGER NOT NULL REFERENCES orders, amount INTEGER NOT NULL CHECK (amount > 0), reason TEXT NOT NULL);
  CREATE TABLE emails (id INTEGER PRIMARY KEY, customer_id INTEGER NOT NULL REFERENCES customers, subject TEXT NOT NULL, body TEXT NOT NULL);
`;

/**
 * Fills an empty database with the shop's tables and rows.
 * @param database An open, writable, empty database.
 */
export function seedShop(database: DatabaseSync): void {
  database.exec(SCHEMA);
  database.exec("BEGIN");
  seedCustomers(database);
  seedOrders(database);
  seedRefunds(database);
  database.exec("COMMIT");
}

function seedCustomers(database: DatabaseSync): void {
  const insert = database.prepare(
    "INSERT INTO customers (id, name, city, email, ssn) VALUES (?, ?, ?, ?, ?)",
  );
  const random = sequence(11);
  for (let id = 1; id <= SHOP_SIZE.customers; id++) {
    const first = pick(FIRST_NAMES, id);
    const last = pick(LAST_NAMES, id * 7 + Math.floor(id / 20));
    const email = `${first}.${last}${id}@${pick(MAIL_DOMAINS, id)}`.toLowerCase();
    insert.run(id, `${first} ${last}`, pick(CITIES, random(1_000)), email, socialSecurityNumber(random));
  }
}

function seedOrders(database: DatabaseSync): void {
  const insert = database.prepare(
    "INSERT INTO orders (id, customer_id, article, paid, ordered_on) VALUES (?, ?, ?, ?, ?)",
  );
  const random = sequence(23);
  for (let id = 1; id <= SHOP_SIZE.orders; id++) {
    const { name, price } = pick(ARTICLES, random(1_000));
    const day = String(1 + random(28)).padStart(2, "0");
    const month = String(1 + random(12)).padStart(2, "0");
    insert.run(id, 1 + random(SHOP_SIZE.customers), name, price, `2025-${month}-${day}`);
  }
}

function seedRefunds(database: DatabaseSync): void {
  const insert = database.prepare("INSERT INTO refunds (order_id, amount, reason) VALUES (?, ?, ?)");
  const random = sequence(37);
  for (let count = 0; count < SHOP_SIZE.refunds; count++) {
    // Every ninth order, so that the orders the example refunds have none yet.
    insert.run(9 * (1 + count), 10 + random(40), pick(["faulty", "late", "wrong size"], random(100)));
  }
}

/** A number of the form the administration issues: area 001 to 899 without 666, group and serial never zero. */
function socialSecurityNumber(random: (below: number) => number): string {
  const area = 1 + random(665);
  const digits = [
    [area, 3],
    [1 + random(99), 2],
    [1 + random(9_999), 4],
  ] as const;
  return digits.map(([value, length]) => String(value).padStart(length, "0")).join("-");
}

/** The same numbers on every run: a linear congruential generator (Numerical Recipes' constants, modulus 2^32). */
function sequence(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

function pick<T>(list: readonly T[], at: number): T {
  const item = list[at % list.length];
  if (item === undefined) throw new RangeError("cannot pick from an empty list");
  return item;
}
