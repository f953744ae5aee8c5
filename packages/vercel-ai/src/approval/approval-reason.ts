/** The plane's id at the end of a reason. */
const ID = /\[([^[\]\s]+)\]$/;

/** The reason of a request, with the plane's id of it: what an answer must repeat to count. */
export function reasonWithId(reason: string, approvalId: string): string {
  return `${reason} [${approvalId}]`;
}

/**
 * The plane's id of an approval, for `plane.approvals`.
 * @param reason Of a `tool-approval-request`, or `part.approval.requestReason` in a UI message.
 * @returns undefined for a request that the plane did not make
 */
export function approvalIdOf(reason: string | undefined): string | undefined {
  return reason === undefined ? undefined : ID.exec(reason)?.[1];
}
