import { requireText } from "../base/argument.ts";
import { AgentplaneError } from "../base/errors.ts";
import { andThen, type MaybePromise } from "../base/maybe-promise.ts";
import { tupleKey } from "../context/call-key.ts";
import type { PolicyVersion, PublishNote, VersionDeps, VersionRef } from "./policy-version.ts";

/** Which version of a policy an environment has; a document of its own, written by each promotion. */
interface Promoted {
  readonly version: number;
}

/** What a name would be taken for instead. */
const HASH = "sha256:";

/** The number that stands where a reference names an environment; anything else is answered as it came. */
export function promotedTo(deps: VersionDeps, policyId: string, ref: VersionRef): MaybePromise<VersionRef> {
  if (typeof ref !== "string" || ref.startsWith(HASH)) return ref;
  return andThen(deps.versions.read<Promoted>(keyOf(deps, policyId, ref)), (there) => there?.version ?? ref);
}

/**
 * Writes which version an environment has, and records who did it.
 * @throws AgentplaneError `usage_invalid` for a name that could not be told from a content hash
 */
export function promoteVersion(
  deps: VersionDeps,
  promoted: PolicyVersion,
  to: string,
  note: PublishNote,
): MaybePromise<PolicyVersion> {
  requireText("versions.promote: to", to);
  if (to.startsWith(HASH))
    throw new AgentplaneError("usage_invalid", "versions.promote: to names an environment, not content");
  const { policyId, version, contentHash } = promoted;
  let before: number | undefined;
  const change = (old: Promoted | undefined): Promoted | undefined => {
    before = old?.version;
    return before === version ? old : { version };
  };
  return andThen(deps.versions.update<Promoted>(keyOf(deps, policyId, to), change), () => {
    if (before !== version) {
      deps.record({
        action: "policy_promoted",
        by: note.author,
        subject: policyId,
        reason: note.changelog,
        data: { version, contentHash, to, ...(before !== undefined && { before }) },
      });
    }
    return promoted;
  });
}

function keyOf({ planeId }: VersionDeps, policyId: string, environment: string): string {
  return `environment:${tupleKey([planeId, policyId, environment])}`;
}
