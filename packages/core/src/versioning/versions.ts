import { requireMembers, requireObject, requireText } from "../base/argument.ts";
import { canonicalJson } from "../base/canonical-json.ts";
import { suggest } from "../base/did-you-mean.ts";
import { deepFrozen } from "../base/deeply-frozen.ts";
import { AgentplaneError, ConfigError } from "../base/errors.ts";
import { andThen, type MaybePromise } from "../base/maybe-promise.ts";
import { tupleKey } from "../context/call-key.ts";
import type { Policy } from "../policy/policy.ts";
import { diffPolicies, type PolicyDiff } from "./diff.ts";
import { limitChanges } from "./limit-changes.ts";
import type { PolicyVersion, PublishNote, VersionDeps, VersionRef } from "./policy-version.ts";
import { promoteVersion, promotedTo } from "./promote.ts";

/**
 * The published versions of policies, kept where the plane keeps its state; publishing brings nothing into force by
 * itself. Answers are values where the store is synchronous.
 */
export interface Versions {
  /**
   * Publishes a policy. The content of the newest version again is that version, not another.
   * @throws ConfigError when author, changelog or the policy's id is empty
   */
  publish(policy: Policy, note: PublishNote): MaybePromise<PolicyVersion>;
  /** Every version, oldest first; nothing is ever removed. */
  history(policyId: string): MaybePromise<readonly PolicyVersion[]>;
  /** One version, or undefined when there is none. */
  get(policyId: string, version: VersionRef): MaybePromise<PolicyVersion | undefined>;
  /**
   * How one version differs from another.
   * @throws AgentplaneError `version_unknown`
   */
  diff(policyId: string, from: VersionRef, to: VersionRef): MaybePromise<PolicyDiff>;
  /**
   * Publishes the content of an older version as a new version.
   * @returns The new version; the newest one where its content is already that.
   * @throws AgentplaneError `version_unknown`; ConfigError as for `publish`
   */
  rollback(policyId: string, to: VersionRef, note: PublishNote): MaybePromise<PolicyVersion>;
  /**
   * Brings a version to an environment: exactly that one, under its number. `get(policyId, "production")` answers it.
   * @param from What to promote, such as the environment `"staging"`.
   * @param to The environment, such as `"production"`; any name that is no content hash.
   * @returns The version that is there now.
   * @throws AgentplaneError `version_unknown`; `usage_invalid` for an unusable name; ConfigError as for `publish`
   */
  promote(policyId: string, from: VersionRef, to: string, note: PublishNote): MaybePromise<PolicyVersion>;
}

/** Keeps versions as documents, each written once: of two publishers at once both get a number of their own. */
export function createVersions(deps: VersionDeps): Versions {
  const history = (policyId: string): MaybePromise<readonly PolicyVersion[]> => {
    requireText("versions: policyId", policyId);
    return andThen(deps.versions.list<PolicyVersion>(prefixOf(deps, policyId)), (found) =>
      found.map(([, version]) => deepFrozen(version)).toSorted((a, b) => a.version - b.version),
    );
  };
  const find = (policyId: string, ref: VersionRef): MaybePromise<PolicyVersion | undefined> =>
    // In this order: what was promoted by then is among those that are listed afterwards.
    andThen(promotedTo(deps, policyId, ref), (meant) =>
      andThen(history(policyId), (versions) => findVersion(versions, meant)),
    );
  const need = (policyId: string, ref: VersionRef): MaybePromise<PolicyVersion> =>
    andThen(
      find(policyId, ref),
      (found) => found ?? andThen(history(policyId), (versions) => refuse(deps, policyId, { ref, versions })),
    );
  return {
    publish(policy, note) {
      checkNote("versions.publish", note, policy.id);
      return add(deps, history, { text: canonicalJson(policy), note });
    },
    history,
    get(policyId, ref) {
      if (typeof ref !== "number") requireText("versions.get: version", ref);
      return find(policyId, ref);
    },
    diff: (policyId, from, to) =>
      andThen(need(policyId, from), (older) =>
        andThen(need(policyId, to), (newer) => diffPolicies(older.policy, newer.policy)),
      ),
    rollback(policyId, to, note) {
      checkNote("versions.rollback", note, policyId);
      return andThen(need(policyId, to), (target) =>
        add(deps, history, { text: canonicalJson(target.policy), note, rollbackOf: target.version }),
      );
    },
    promote(policyId, from, to, note) {
      checkNote("versions.promote", note, policyId);
      return andThen(need(policyId, from), (version) => promoteVersion(deps, version, to, note));
    },
  };
}

interface Publication {
  /** Canonical JSON of the policy. */
  readonly text: string;
  readonly note: PublishNote;
  readonly rollbackOf?: number;
}

function add(
  deps: VersionDeps,
  history: Versions["history"],
  what: Publication,
): MaybePromise<PolicyVersion> {
  // Parsed from the hashed text: what the caller holds can change, this cannot.
  const policy: Policy = deepFrozen(JSON.parse(what.text));
  const contentHash = `sha256:${deps.hash.sha256(what.text)}`;
  return andThen(history(policy.id), (versions) => {
    const newest = versions.at(-1);
    if (newest?.contentHash === contentHash) return newest;
    const next = versionAfter(newest, { policy, contentHash, at: deps.nowMs(), ...what });
    let isMine = false;
    const claim = (old: PolicyVersion | undefined): PolicyVersion => {
      isMine = old === undefined;
      return old ?? next;
    };
    const key = prefixOf(deps, policy.id) + String(next.version).padStart(NUMBER_DIGITS, "0");
    return andThen(deps.versions.update<PolicyVersion>(key, claim), () => {
      // Another publisher was first with this number: against its version this one is judged anew.
      if (!isMine) return add(deps, history, what);
      deps.record(publishRecord(next));
      return next;
    });
  });
}

function versionAfter(
  newest: PolicyVersion | undefined,
  what: Publication & Pick<PolicyVersion, "policy" | "contentHash" | "at">,
): PolicyVersion {
  const { policy, contentHash, at, note, rollbackOf } = what;
  return Object.freeze({
    policyId: policy.id,
    version: (newest?.version ?? 0) + 1,
    contentHash,
    policy,
    author: note.author,
    changelog: note.changelog,
    at,
    notes: Object.freeze(newest === undefined ? [] : limitChanges(newest.policy, policy)),
    ...(rollbackOf !== undefined && { rollbackOf }),
  });
}

function findVersion(versions: readonly PolicyVersion[], ref: VersionRef): PolicyVersion | undefined {
  return versions.findLast(({ version, contentHash }) => version === ref || contentHash === ref);
}

/** Keys sort as their numbers do. */
const NUMBER_DIGITS = 10;

function prefixOf({ planeId }: VersionDeps, policyId?: string): string {
  return `version:${tupleKey([planeId])}${policyId === undefined ? "" : tupleKey([policyId])}`;
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

function checkNote(source: string, note: PublishNote, id: unknown): void {
  requireObject(`${source}: note`, note, '{ author: "olga", changelog: "why" }');
  requireMembers(`${source}: note`, note, ["author", "changelog"]);
  const { author, changelog } = note;
  const given = { id, author, changelog };
  const empty = Object.entries(given).filter(([, text]) => typeof text !== "string" || text.trim() === "");
  if (empty.length === 0) return;
  throw new ConfigError(
    source,
    empty.map(([path]) => ({ path, message: "must be a text that is not empty" })),
  );
}

function refuse(
  deps: VersionDeps,
  policyId: string,
  { ref, versions }: { readonly ref: VersionRef; readonly versions: readonly PolicyVersion[] },
): MaybePromise<never> {
  const fail = (hint: string): never => {
    throw new AgentplaneError("version_unknown", hint, { data: { policyId, version: ref } });
  };
  if (versions.length > 0)
    return fail(`policy "${policyId}" has no version ${ref}; it has 1 to ${versions.length}`);
  return andThen(deps.versions.list<PolicyVersion>(prefixOf(deps)), (found) => {
    const known = [...new Set(found.map(([, version]) => version.policyId))];
    return fail(
      `no policy "${policyId}" was published; ${known.length > 0 ? suggest(policyId, known) : "publish it first"}`,
    );
  });
}
