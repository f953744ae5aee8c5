import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";

import { NODE } from "../node-command.ts";
import type { Command } from "./clients.ts";
import type { ServerName } from "./cells.ts";

/** A call that a client makes. */
export interface Call {
  readonly name: string;
  readonly input: Readonly<Record<string, unknown>>;
}

/** A server of the matrix: how it is started, and what it is asked. */
export interface MatrixServer {
  readonly command: Command;
  readonly calls: readonly Call[];
}

const entry = (name: string): string => fileURLToPath(import.meta.resolve(name));

/**
 * @param folder An empty one, in which it may write.
 */
export function matrixServer(name: ServerName, folder: string): MatrixServer {
  switch (name) {
    case "everything":
      return {
        command: [...NODE, entry("@modelcontextprotocol/server-everything/dist/index.js")],
        calls: [
          { name: "echo", input: { message: "Grüße 🚀" } },
          { name: "get-sum", input: { a: 2, b: 3 } },
        ],
      };
    case "filesystem": {
      // The same folder for the server without the proxy and with it: its name is in the answers.
      const files = path.join(folder, "..", "files");
      mkdirSync(files, { recursive: true });
      writeFileSync(path.join(files, "a.txt"), "Grüße 🚀\n");
      return {
        command: [...NODE, entry("@modelcontextprotocol/server-filesystem/dist/index.js"), files],
        calls: [
          { name: "list_directory", input: { path: files } },
          { name: "read_text_file", input: { path: path.join(files, "a.txt") } },
        ],
      };
    }
    case "memory": {
      const entities = [{ name: "Mira", entityType: "person", observations: ["writes"] }];
      const file = `MEMORY_FILE_PATH=${path.join(folder, "memory.jsonl")}`;
      return {
        command: ["env", file, ...NODE, entry("@modelcontextprotocol/server-memory/dist/index.js")],
        calls: [
          { name: "create_entities", input: { entities } },
          { name: "read_graph", input: {} },
        ],
      };
    }
    case "playwright": {
      // No browser is there: what it offers is looked at, and nothing is called.
      const cli = path.join(path.dirname(entry("@playwright/mcp/package.json")), "cli.js");
      return { command: [...NODE, cli, "--headless", "--isolated"], calls: [] };
    }
    default:
      throw new TypeError(`${String(name)} is no server of the matrix`);
  }
}
