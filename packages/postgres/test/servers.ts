import { findServers, missingOf } from "./find-servers.ts";

const found = await findServers();
// Tests without a server are skipped on somebody's machine, never where they decide.
if (process.env["CI"] !== undefined && missingOf(found) !== "") throw new Error(missingOf(found));

/** Whether the shared server answers. */
export const hasServer: boolean = found.isShared;
/** Whether servers of a test's own can be started here. */
export const canStartServers: boolean = found.canStart;
