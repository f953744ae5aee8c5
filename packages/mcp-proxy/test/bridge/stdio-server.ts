import { appendFileSync } from "node:fs";

import { McpServer } from "@modelcontextprotocol/server";
import { serveStdio } from "@modelcontextprotocol/server/stdio";
import * as z from "zod";

/** A real server of both eras over standard streams. What it does is written to the file that the argument names. */
const note = (line: string): void => appendFileSync(process.argv[2] ?? "/dev/null", `${line}\n`);
const text = (words: string) => ({ content: [{ type: "text" as const, text: words }] });

note(`started ${process.pid}`);
serveStdio(() => {
  const server = new McpServer(
    { name: "everything", version: "1.0.0" },
    { instructions: "be kind", capabilities: { logging: {} } },
  );
  server.registerTool("echo", { inputSchema: z.object({ words: z.string() }) }, ({ words }) => {
    note("echo");
    return text(words);
  });
  server.registerTool("wipe", { inputSchema: z.object({}) }, () => {
    note("wipe");
    return text("gone");
  });
  server.registerTool("who", { inputSchema: z.object({}) }, () => text(String(process.pid)));
  server.registerTool("mail", { inputSchema: z.object({}) }, () => text("write to mira@example.com"));
  server.registerTool("die", { inputSchema: z.object({}) }, () => {
    process.kill(process.pid, "SIGKILL");
    return text("never");
  });
  server.registerTool("count", { inputSchema: z.object({}) }, async (_input, { mcpReq }) => {
    const progressToken = mcpReq["_meta"]?.progressToken;
    if (progressToken === undefined) return text("counted");
    for (const progress of [1, 2, 3]) {
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      await mcpReq.notify({ method: "notifications/progress", params: { progressToken, progress } });
      // oxlint-disable-next-line no-await-in-loop -- the SDK forgets progress that comes in one piece with the result
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    return text("counted");
  });
  server.registerTool("wait", { inputSchema: z.object({}) }, async (_input, { mcpReq: { signal } }) => {
    note("waiting");
    await new Promise((resolve) => signal.addEventListener("abort", resolve));
    note("cancelled");
    return text("waited");
  });
  server.registerTool("ask", { inputSchema: z.object({}) }, async (_input, { mcpReq }) => {
    const answer = await mcpReq.elicitInput({
      message: "Your name?",
      requestedSchema: { type: "object", properties: { name: { type: "string" } } },
    });
    return text(JSON.stringify(answer.content ?? answer.action));
  });
  return server;
});
