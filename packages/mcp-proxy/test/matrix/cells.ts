/** How a client speaks to the proxy, and the proxy to the server. */
export const PAIRS = [
  "stdio-stdio",
  "stdio-http",
  "http-http",
  "http-stdio",
  "stdio-sse",
  "http-sse",
] as const;
/** Clients that people use. */
export const CLIENTS = ["ai-sdk", "langchain", "mastra", "openai-agents", "mcporter", "inspector"] as const;
/** Servers that people use. */
export const SERVERS = ["everything", "filesystem", "memory", "playwright"] as const;
/** The client with which every pair of transports is tried: it speaks both. */
export const PAIR_CLIENT = "openai-agents";

export type Pair = (typeof PAIRS)[number];
export type ClientName = (typeof CLIENTS)[number];
export type ServerName = (typeof SERVERS)[number];

/** One combination, and when it is tried: by every run of the tests, or by `npm run mcp-matrix` every night. */
export type Cell = readonly [pair: Pair, client: ClientName, server: ServerName, when: "always" | "nightly"];

/** Every combination that is tried. Each client and each server is in some cell that is always tried. */
export const CELLS: readonly Cell[] = [
  ["stdio-stdio", "ai-sdk", "everything", "always"],
  ["stdio-stdio", "ai-sdk", "filesystem", "nightly"],
  ["stdio-stdio", "ai-sdk", "memory", "nightly"],
  ["stdio-stdio", "ai-sdk", "playwright", "nightly"],
  ["stdio-stdio", "langchain", "everything", "nightly"],
  ["stdio-stdio", "langchain", "filesystem", "always"],
  ["stdio-stdio", "langchain", "memory", "nightly"],
  ["stdio-stdio", "langchain", "playwright", "nightly"],
  ["stdio-stdio", "mastra", "everything", "nightly"],
  ["stdio-stdio", "mastra", "filesystem", "nightly"],
  ["stdio-stdio", "mastra", "memory", "always"],
  ["stdio-stdio", "mastra", "playwright", "nightly"],
  ["stdio-stdio", "openai-agents", "everything", "nightly"],
  ["stdio-stdio", "openai-agents", "filesystem", "nightly"],
  ["stdio-stdio", "openai-agents", "memory", "nightly"],
  ["stdio-stdio", "openai-agents", "playwright", "always"],
  ["stdio-stdio", "mcporter", "everything", "always"],
  ["stdio-stdio", "mcporter", "filesystem", "nightly"],
  ["stdio-stdio", "mcporter", "memory", "nightly"],
  ["stdio-stdio", "mcporter", "playwright", "nightly"],
  ["stdio-stdio", "inspector", "everything", "always"],
  ["stdio-stdio", "inspector", "filesystem", "nightly"],
  ["stdio-stdio", "inspector", "memory", "nightly"],
  ["stdio-stdio", "inspector", "playwright", "nightly"],
  ["stdio-http", "openai-agents", "everything", "nightly"],
  ["stdio-http", "openai-agents", "filesystem", "always"],
  ["stdio-http", "openai-agents", "memory", "nightly"],
  ["stdio-http", "openai-agents", "playwright", "nightly"],
  ["http-http", "openai-agents", "everything", "nightly"],
  ["http-http", "openai-agents", "filesystem", "nightly"],
  ["http-http", "openai-agents", "memory", "always"],
  ["http-http", "openai-agents", "playwright", "nightly"],
  ["http-stdio", "openai-agents", "everything", "always"],
  ["http-stdio", "openai-agents", "filesystem", "nightly"],
  ["http-stdio", "openai-agents", "memory", "nightly"],
  ["http-stdio", "openai-agents", "playwright", "nightly"],
  ["stdio-sse", "openai-agents", "everything", "nightly"],
  ["stdio-sse", "openai-agents", "filesystem", "nightly"],
  ["stdio-sse", "openai-agents", "memory", "always"],
  ["stdio-sse", "openai-agents", "playwright", "nightly"],
  ["http-sse", "openai-agents", "everything", "nightly"],
  ["http-sse", "openai-agents", "filesystem", "always"],
  ["http-sse", "openai-agents", "memory", "nightly"],
  ["http-sse", "openai-agents", "playwright", "nightly"],
];
