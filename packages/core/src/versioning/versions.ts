import type { ControlRecord } from "../audit/audit-record.ts";
import { canonicalJson } from "../base/canonical-json.ts";
import { suggest } from "../base/did-you-mean.ts";
import { AgentplaneError, ConfigError } from "../base/errors.ts";
import type { Hash } from "../base/ports.ts";
import type { Policy } from "../policy/policy.ts";
import { diffPolicies, type PolicyDiff } from "./diff.ts";
import { limitChanges } from "./limit-changes.ts";

/** Who publishes and why; both are required, history without them explains nothing. */
export interface PublishNote {
  readonly author: string;
  readonly changelog: string;
}

/** One published version of a policy: immutable, frozen. */
export interface PolicyVersion {
  readonly policyId: string;
  /** 1, 2, … in the order of publishing. */
  readonly version: number;
  /** `sha256:` over canonical JSON of the policy: equal content has the equal hash, as decisions name it. */
  readonly contentHash: string;
  readonly policy: Policy;
  readonly author: string;
  readonly changelog: string;
  /** Epoch ms. */
  readonly at: number;
  /** Which limits start anew compared with the version before; empty for the first. */
  readonly notes: readonly string[];
  /** The version whose content this one brought back. */
  readonly rollbackOf?: number;
}

/** Names a version: its number, or its content hash (the newest version with that content). */
export type VersionRef = number | string;

/** The published versions of policies; publishing brings nothing into force by itself. */
export interface Versions {
  /**
   * Publishes a policy. The content of the newest version again is that version, not another.
   * @throws ConfigError when author, changelog or the policy's id is empty
   */
  publish(policy: Policy, note: PublishNote): PolicyVersion;
  /** Every version, oldest first; nothing is ever removed. */
  history(policyId: string): readonly PolicyVersion[];
  /** One version, or undefined when there is none. */
  get(policyId: string, version: VersionRef): PolicyVersion | undefined;
  /**
   * How one version differs from another.
   * @throws AgentplaneError `version_unknown`
   */
  diff(policyId: string, from: VersionRef, to: VersionRef): PolicyDiff;
  /**
   * Publishes the content of an older version as a new version.
   * @returns The new version; the newest one where its content is already that.
   * @throws AgentplaneError `version_unknown`; ConfigError as for `publish`
   */
  rollback(policyId: string, to: VersionRef, note: PublishNote): PolicyVersion;
}

/** What publishing needs. */
export interface VersionDeps {
  readonly hash: Pick<Hash, "sha256">;
  /** Epoch ms. */
  readonly nowMs: () => number;
  readonly record: (record: Omit<ControlRecord, "kind" | "at">) => void;
}

/** Keeps versions in the memory of this process. */
export function createVersions({ hash, nowMs, record }: VersionDeps): Versions {
  const published = new Map<string, PolicyVersion[]>();
  const history = (policyId: string): readonly PolicyVersion[] => published.get(policyId) ?? [];
  const find = (policyId: string, ref: VersionRef): PolicyVersion | undefined =>
    history(policyId).findLast(({ version, contentHash }) => version === ref || contentHash === ref);
  const need = (policyId: string, ref: VersionRef): PolicyVersion =>
    find(policyId, ref) ?? refuseUnknown(policyId, ref, published);
  const add = (text: string, note: PublishNote, rollbackOf?: number): PolicyVersion => {
    // Parsed from the hashed text: what the caller holds can change, this cannot.
    const policy: Policy = freeze(JSON.parse(text));
    const list = published.get(policy.id) ?? [];
    const contentHash = `sha256:${hash.sha256(text)}`;
    const newest = list.at(-1);
    if (newest?.contentHash === contentHash) return newest;
    const { author, changelog } = note;
    const base = {
      policyId: policy.id,
      version: list.length + 1,
      contentHash,
      policy,
      author,
      changelog,
      at: nowMs(),
      notes: Object.freeze(newest === undefined ? [] : limitChanges(newest.policy, policy)),
    };
    const next: PolicyVersion = Object.freeze({ ...base, ...(rollbackOf !== undefined && { rollbackOf }) });
    published.set(policy.id, [...list, next]);
    record(publishRecord(next));
    return next;
  };
  return {
    publish(policy, note) {
      checkNote("versions.publish", note, policy.id);
      return add(canonicalJson(policy), note);
    },
    history,
    get: find,
    diff: (policyId, from, to) => diffPolicies(need(policyId, from).policy, need(policyId, to).policy),
    rollback(policyId, to, note) {
      checkNote("versions.rollback", note, policyId);
      const target = need(policyId, to);
      return add(canonicalJson(target.policy), note, target.version);
    },
  };
}

function publishRecord({
  policyId,
  version,
  contentHash,
  author,
  changelog,
  notes,
  rollbackOf,
}: PolicyVersion) {
  return {
    action: rollbackOf === undefined ? "policy_published" : "policy_rolled_back",
    by: author,
    subject: policyId,
    reason: changelog,
    data: {
      version,
      contentHash,
      ...(notes.length > 0 && { notes }),
      ...(rollbackOf !== undefined && { rollbackOf }),
    },
  };
}

function checkNote(source: string, { author, changelog }: PublishNote, id: unknown): void {
  const given = { id, author, changelog };
  const empty = Object.entries(given).filter(([, text]) => typeof text !== "string" || text.trim() === "");
  if (empty.length === 0) return;
  throw new ConfigError(
    source,
    empty.map(([path]) => ({ path, message: "must be a text that is not empty" })),
  );
}

function refuseUnknown(
  policyId: string,
  ref: VersionRef,
  published: ReadonlyMap<string, readonly unknown[]>,
): never {
  const count = published.get(policyId)?.length;
  const hint =
    count === undefined
      ? `no policy "${policyId}" was published; ${published.size > 0 ? suggest(policyId, [...published.keys()]) : "publish it first"}`
      : `policy "${policyId}" has no version ${ref}; it has 1 to ${count}`;
  throw new AgentplaneError("version_unknown", hint, { data: { policyId, version: ref } });
}

function freeze<T>(value: T): T {
  if (typeof value !== "object" || value === null) return value;
  for (const member of Object.values(value)) freeze(member);
  return Object.freeze(value);
}
