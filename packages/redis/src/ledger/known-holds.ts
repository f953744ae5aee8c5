import type { HeldLimits } from "./script-request.ts";

const MAX_KNOWN = 50_000;

/**
 * Which limits the holds of this process concern, so that ending one names all its keys in the first round trip. A hint
 * only: the holds themselves tell too, in one more.
 */
export class KnownHolds {
  readonly #limits = new Map<string, HeldLimits>();

  get(id: string): HeldLimits | undefined {
    return this.#limits.get(id);
  }

  set(id: string, limits: HeldLimits): void {
    this.#limits.set(id, limits);
    if (this.#limits.size <= MAX_KNOWN) return;
    const [oldest] = this.#limits.keys();
    if (oldest !== undefined) this.#limits.delete(oldest);
  }

  delete(id: string): void {
    this.#limits.delete(id);
  }
}
