import { existsSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";

import { Client } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";

// A policy in front of server-filesystem. A desktop client would have the same command in its configuration.
const folder = realpathSync(mkdtempSync(path.join(tmpdir(), "agentplane-files-")));
writeFileSync(path.join(folder, "notes.txt"), "ask mira@example.com about the rent");

const server = [
  fileURLToPath(import.meta.resolve("@modelcontextprotocol/server-filesystem/dist/index.js")),
  folder,
];
const proxy = fileURLToPath(import.meta.resolve("@agentplane/mcp-proxy/cli"));
const policy = fileURLToPath(new URL("../agentplane.yaml", import.meta.url));
const direct = { command: process.execPath, args: server };
const governed = {
  command: process.execPath,
  args: [
    ...process.execArgv,
    proxy,
    "run",
    "--policy",
    policy,
    "--server",
    "files",
    "--",
    direct.command,
    ...direct.args,
  ],
};

async function connect(command: typeof direct): Promise<Client> {
  const client = new Client({ name: "example", version: "1.0.0" }, { capabilities: { elicitation: {} } });
  // Whoever sits before the client is asked; here someone who agrees.
  client.setRequestHandler("elicitation/create", async ({ params }) => {
    console.log(`the client's user is asked: ${params.message.split("\n")[0]}`);
    return { action: "accept", content: { approve: true } };
  });
  await client.connect(new StdioClientTransport({ ...command, stderr: "ignore" }));
  return client;
}

const bare = await connect(direct);
const all = (await bare.listTools()).tools.map(({ name }) => name);
await bare.close();

const client = await connect(governed);
const shown = (await client.listTools()).tools.map(({ name }) => name);
const hidden = all.filter((name) => !shown.includes(name));
console.log(`tools: ${shown.length} of ${all.length}, without ${hidden.join(", ")}`);

const call = async (name: string, input: Record<string, unknown>): Promise<string> => {
  const { content } = await client.callTool({ name, arguments: input });
  return content.map((part) => (part.type === "text" ? part.text : part.type)).join(" ");
};
const notes = path.join(folder, "notes.txt");
console.log(`read notes.txt: ${await call("read_text_file", { path: notes })}`);
await call("write_file", { path: path.join(folder, "reply.txt"), content: "Yes." });
console.log(
  `write reply.txt: ${readFileSync(path.join(folder, "reply.txt"), "utf8") === "Yes." ? "written" : "lost"}`,
);
const moved = await call("move_file", { source: notes, destination: "/dev/null" }).catch((error: unknown) =>
  String(error),
);
console.log(`move notes.txt: ${moved}`);
console.log(`notes.txt ${existsSync(notes) ? "is still there" : "is gone"}`);
await client.close();
rmSync(folder, { recursive: true });
