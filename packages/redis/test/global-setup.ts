import { findServers } from "./find-servers.ts";

/** Looks for servers before the processes of the tests start: told once, not by each of them. */
export async function setup(): Promise<void> {
  await findServers();
}
