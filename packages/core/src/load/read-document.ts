import type { JsonValue } from "../base/json.ts";
import type { SlicedWork } from "../base/sliced-work.ts";
import { DocumentReader, type ReadOptions } from "./document-reader.ts";
import type { IssueList } from "./issue-list.ts";
import type { PolicyPart } from "./rule-part.ts";

/** A document as it was read: a frozen copy, and its policies apart. */
export interface ReadDocument {
  readonly copy: JsonValue | undefined;
  /** The elements of `policies`; empty where it is no list. */
  readonly policies: readonly PolicyPart[];
  /** Something beside the policies may be a literal secret. */
  readonly mayHoldSecret: boolean;
  /** How many members all its objects have. */
  readonly memberCount: number;
}

/**
 * Copies a policy document into plain, frozen data, a policy at a time: what was checked is what is in force, whatever
 * happens to the original. What says the same as something that was read before is not copied again.
 * @param value Anything: a parsed file, an object from code.
 * @param issues Receives what data cannot be: circles, too much, functions, NaN, forbidden names.
 */
export function* readInSlices(
  value: unknown,
  issues: IssueList,
  options?: ReadOptions,
): SlicedWork<ReadDocument> {
  const reader = new DocumentReader(issues, options);
  try {
    const { copy, policies } = yield* reader.readDocument(value);
    const { mayHoldSecret, memberCount } = reader;
    return { copy, policies, mayHoldSecret, memberCount };
  } catch (error) {
    reader.reportFailure(error);
    return { copy: undefined, policies: [], mayHoldSecret: false, memberCount: 0 };
  }
}

/** The same for one policy. */
export function readPolicy(value: unknown, issues: IssueList, options?: ReadOptions): PolicyPart | undefined {
  const reader = new DocumentReader(issues, options);
  try {
    return reader.readPolicy(value);
  } catch (error) {
    reader.reportFailure(error);
    return undefined;
  }
}
