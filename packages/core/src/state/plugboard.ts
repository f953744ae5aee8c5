import { AgentplaneError } from "../base/errors.ts";
import { andThen, type MaybePromise } from "../base/maybe-promise.ts";
import type { Ports } from "../base/ports.ts";
import type { ControlRecord } from "../audit/audit-record.ts";
import { tupleKey } from "../context/call-key.ts";
import type { PolicyContext } from "../context/context.ts";
import type { PolicySource } from "../policy/policy.ts";
import type { DocumentStore } from "../store/state-store.ts";
import { requireExactId, requireKnownMembers, requireSubject } from "./exact-subject.ts";
import { Replica } from "./replica.ts";
import { ScopeIndex, type ScopeKey } from "./scope-index.ts";

/** What can be unplugged; an agent or tool without a tenant is unplugged in every tenant. */
export type PlugSubject =
  | { readonly kind: "agent" | "tenant" | "tool"; readonly id: string; readonly tenant?: string }
  | { readonly kind: "all" };

/** Who holds a plug: each authority lifts only its own. */
export type PlugAuthority = "operator" | PolicySource;

/** A pulled plug: while any authority holds one, nothing it concerns runs. */
export interface PlugEntry {
  readonly subject: PlugSubject;
  readonly authority: PlugAuthority;
  readonly reason: string;
  readonly by: string;
  /** Epoch ms. */
  readonly at: number;
}

/** What a plugboard needs. */
export interface PlugboardDeps {
  readonly controls: DocumentStore;
  readonly ports: Pick<Ports, "clock" | "logger" | "timers">;
  /** Keeps several planes on one store apart. */
  readonly planeId?: string;
  nowMs(): number;
  record(record: Omit<ControlRecord, "kind" | "at">): void;
}

/**
 * What is unplugged: read synchronously from a local copy, survives restarts, and knows agents and tenants that were
 * never seen before.
 */
export class Plugboard {
  readonly #deps: PlugboardDeps;
  readonly #prefix: string;
  readonly #index = new ScopeIndex<PlugEntry>();
  readonly #replica: Replica<PlugEntry>;

  constructor(deps: PlugboardDeps) {
    this.#deps = deps;
    this.#prefix = `plug:${tupleKey([deps.planeId])}`;
    this.#replica = new Replica<PlugEntry>({
      documents: deps.controls,
      prefix: this.#prefix,
      ports: deps.ports,
      changed: (old, next) => {
        if (old !== undefined) this.#index.remove(scopeOf(old.subject), old);
        if (next !== undefined) this.#index.add(scopeOf(next.subject), next);
      },
    });
  }

  /** Grows with every change. */
  get revision(): number {
    return this.#replica.revision;
  }

  /**
   * Stops a subject: in force here at once, everywhere when the returned promise settles.
   * @throws AgentplaneError `usage_invalid` for an empty id, a pattern, or a member that a subject does not have
   */
  unplug(
    subject: PlugSubject,
    act: { reason: string; by: string; authority?: PlugAuthority },
  ): MaybePromise<void> {
    const { reason, by, authority = "operator" } = act;
    const normal = normalised(subject);
    requireExactId(normal);
    const entry: PlugEntry = Object.freeze({
      subject: normal,
      authority,
      reason,
      by,
      at: this.#deps.nowMs(),
    });
    this.#record("unplugged", entry, by);
    return this.#replica.put(this.#keyOf(normal, authority), entry);
  }

  /** Lifts the plug that an authority holds on a subject; those of other authorities stay. */
  plug(subject: PlugSubject, act: { by: string; authority?: PlugAuthority }): MaybePromise<void> {
    const { by, authority = "operator" } = act;
    const normal = normalised(subject);
    const key = this.#keyOf(normal, authority);
    let lifted = this.#replica.get(key);
    const gone = this.#replica.update(key, (old) => {
      lifted = old ?? lifted;
      return undefined;
    });
    return andThen(gone, () => {
      if (lifted !== undefined) this.#record("plugged", lifted, by);
    });
  }

  /** Every plug that is held. */
  entries(): readonly PlugEntry[] {
    return this.#replica.values();
  }

  /**
   * The plug that cuts a call: of everything, its tenant, its agent or one of its ancestors, or its tool. O(1) while
   * nothing is unplugged.
   */
  cutOf(context: PolicyContext): PlugEntry | undefined {
    if (this.#index.size === 0) return undefined;
    return plugIn(this.#index.find(context), context.tenant);
  }

  /** Reads every plug again. */
  load(): MaybePromise<void> {
    return this.#replica.load();
  }

  /** Called after every change. Returns the unsubscription. */
  subscribe(changed: () => void): () => void {
    return this.#replica.subscribe(changed);
  }

  /** Notes that the store was heard of; see `isStale`. */
  confirm(heartbeatMs: number): void {
    this.#replica.confirm(heartbeatMs);
  }

  /** Whether plugs may be unknown here: not read yet, or unconfirmed for two heartbeats. */
  isStale(): boolean {
    return this.#replica.isStale();
  }

  close(): void {
    this.#replica.close();
  }

  #keyOf(subject: PlugSubject, authority: PlugAuthority): string {
    const parts = subject.kind === "all" ? [] : [subject.tenant, subject.id];
    return this.#prefix + tupleKey([authority, subject.kind, ...parts]);
  }

  #record(action: string, { subject, authority, reason }: PlugEntry, by: string): void {
    const data = { authority, ...(subject.kind !== "all" && { tenant: subject.tenant ?? null }) };
    this.#deps.record({
      action,
      by,
      subject: subject.kind === "all" ? "all" : `${subject.kind}:${subject.id}`,
      reason,
      data,
    });
  }
}

function scopeOf(subject: PlugSubject): ScopeKey {
  return subject.kind === "all" ? { kind: "global" } : { kind: subject.kind, id: subject.id };
}

/** By itself: a closure over the tenant would cost every call, also while nothing is unplugged. */
function plugIn(plugs: readonly PlugEntry[], tenant: string | undefined): PlugEntry | undefined {
  return plugs.find(({ subject }) => isInTenant(subject, tenant));
}

function isInTenant(subject: PlugSubject, tenant: string | undefined): boolean {
  return (
    subject.kind === "all" ||
    subject.kind === "tenant" ||
    subject.tenant === undefined ||
    subject.tenant === tenant
  );
}

const PLUG_KINDS = ["agent", "tenant", "tool", "all"] as const;

/** Contexts carry identities in NFC; a plug written otherwise would look right and cut nothing. */
function normalised(subject: PlugSubject): PlugSubject {
  requireSubject("subject of a plug", subject, PLUG_KINDS);
  requireKnownMembers(subject, { mayBeNull: false });
  if (subject.kind === "all") return subject;
  const { kind, id, tenant } = subject;
  if (typeof id !== "string" || id === "")
    throw new AgentplaneError(
      "usage_invalid",
      `an ${kind} to unplug needs an id; use { kind: "all" } for everything`,
    );
  return { kind, id: id.normalize("NFC"), ...(tenant !== undefined && { tenant: tenant.normalize("NFC") }) };
}
