import { McpServer } from "@modelcontextprotocol/server";
import { serveStdio } from "@modelcontextprotocol/server/stdio";

import { addConformanceFeatures } from "../http/conformance-features.ts";
import { VERIFIED_STATE } from "../http/conformance-inputs.ts";

/** What the conformance kit asks of a server, over standard streams. */
serveStdio(() => {
  const server = new McpServer(
    { name: "everything", version: "1.0.0" },
    { instructions: "be kind", capabilities: { logging: {} }, requestState: VERIFIED_STATE },
  );
  addConformanceFeatures(server);
  return server;
});
