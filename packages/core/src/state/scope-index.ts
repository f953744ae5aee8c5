import type { PolicyContext } from "../context/context.ts";

/** Whom an entry concerns. */
export interface ScopeKey {
  readonly kind: "agent" | "tenant" | "session" | "tool" | "global";
  readonly id?: string | undefined;
}

const NONE: readonly never[] = Object.freeze([]);

/** Finds the entries that concern a call in O(1) per identity of the call, however many there are. */
export class ScopeIndex<E> {
  readonly #byKind = new Map<ScopeKey["kind"], Map<string | undefined, readonly E[]>>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  add({ kind, id }: ScopeKey, entry: E): void {
    const byId = this.#byKind.get(kind) ?? new Map<string | undefined, readonly E[]>();
    this.#byKind.set(kind, byId);
    byId.set(id, [...(byId.get(id) ?? NONE), entry]);
    this.#size++;
  }

  remove({ kind, id }: ScopeKey, entry: E): void {
    const byId = this.#byKind.get(kind);
    const found = byId?.get(id);
    if (byId === undefined || found?.includes(entry) !== true) return;
    this.#size--;
    if (found.length === 1) byId.delete(id);
    else
      byId.set(
        id,
        found.filter((other) => other !== entry),
      );
  }

  /**
   * Entries that name the call's tenant, session, agent, any of the agent's ancestors, or its tool by any of its
   * names; a tenant that an entry adds to its id is the caller's to compare.
   */
  find({ agent, tenant, session, tool }: PolicyContext): readonly E[] {
    if (this.#size === 0) return NONE;
    const found = [
      ...this.#of("global", undefined),
      ...this.#of("tenant", tenant),
      ...this.#of("session", session),
    ];
    found.push(...this.#of("agent", agent.id));
    for (const ancestor of agent.ancestors)
      if (ancestor !== agent.id) found.push(...this.#of("agent", ancestor));
    if (tool !== undefined && this.#byKind.has("tool")) {
      for (const name of toolNames(tool)) found.push(...this.#of("tool", name));
    }
    return found;
  }

  #of(kind: ScopeKey["kind"], id: string | undefined): readonly E[] {
    return this.#byKind.get(kind)?.get(id) ?? NONE;
  }
}

/** Every name an operator may know a tool by: what restricts matches any of them. */
function toolNames({ name, server, originalName }: NonNullable<PolicyContext["tool"]>): ReadonlySet<string> {
  const names = new Set([name]);
  if (originalName !== undefined) names.add(originalName);
  if (server !== undefined)
    names
      .add(server)
      .add(`${server}/${name}`)
      .add(`${server}/${originalName ?? name}`);
  return names;
}
