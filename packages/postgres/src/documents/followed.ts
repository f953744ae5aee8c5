/**
 * Collections whose changes are logged and notified: few documents, written by people and rules, needed at once
 * elsewhere. Notifying takes a lock of the whole server at commit, so nothing a call writes is among them.
 */
export const FOLLOWED = ["controls", "approvals", "versions"] as const;
