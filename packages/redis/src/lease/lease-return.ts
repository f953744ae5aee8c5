import type { LeaseBook } from "./lease-book.ts";
import type { LeaseExchanger } from "./lease-exchange.ts";
import { isLeased, isTaken, returned } from "./lease-needs.ts";
import type { LocalHolds } from "./local-holds.ts";
import { isClear } from "./moved-holds.ts";

/** What returning leases needs. */
export interface LeaseReturnDeps {
  readonly book: LeaseBook;
  readonly local: LocalHolds;
  readonly exchanger: LeaseExchanger;
  elapsedMs(): number;
}

/** What was asked for before may come meanwhile; while the server is away nothing can be returned. */
const MAX_ROUNDS = 3;

/** Gives back all leases when their process ends; what running calls hold becomes holds of their own. */
export class LeaseReturn {
  readonly #deps: LeaseReturnDeps;

  constructor(deps: LeaseReturnDeps) {
    this.#deps = deps;
  }

  /** Returns all that is clear; settles when it is over, never fails. Nothing may be leased any more. */
  async all(): Promise<void> {
    const { book, local, exchanger, elapsedMs } = this.#deps;
    for (let round = 0; round < MAX_ROUNDS && book.all().some(isTaken); round++) {
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      await exchanger.settled();
      const moves = local.drain(elapsedMs(), isClear);
      // oxlint-disable-next-line no-await-in-loop -- as above
      await exchanger.exchange(book.all().filter(isLeased).map(returned), moves);
    }
  }

  /** As `all`, of a process that ends this moment: sent before this returns, behind what is under way. */
  now(): void {
    const { book, local, exchanger, elapsedMs } = this.#deps;
    const moves = local.drain(elapsedMs(), () => true);
    exchanger.leave(book.all().filter(isTaken).map(returned), moves);
  }
}
