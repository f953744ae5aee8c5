import { parseArgs, type ParseArgsOptionsConfig } from "node:util";

/** What the command says of itself. */
export const USAGE = `agentplane-mcp: policy in front of an MCP server

  agentplane-mcp run --policy FILE [options] -- COMMAND [ARGUMENTS]
  agentplane-mcp run --policy FILE --upstream URL [options]
      speaks with the client over standard input and output, and with a server that it starts or that listens
      --env NAME         a variable of this process that the started server gets; may be given again
      --upstream-token-env NAME the variable with the token that a server that listens is presented
      --upstream-transport KIND what it speaks: http (streamable HTTP), sse (HTTP+SSE of 2024-11-05), or
                         auto (default): the first, and the second where it refuses to begin on the first

  agentplane-mcp serve --policy FILE --upstream URL [options]
  agentplane-mcp serve --policy FILE [options] -- COMMAND [ARGUMENTS]
      listens for clients that speak streamable HTTP, in front of a server that listens or that it starts
      --host ADDRESS     where to listen (default: 127.0.0.1, this machine alone)
      --port NUMBER      (default: 3000)
      --token-env NAME   the variable with the token that clients must present; needed unless --host is this machine
      --allow-host NAME  a name that clients may ask for, beside those of this machine; may be given again
      --allow-origin NAME       a site whose pages may ask; may be given again
      --max-sessions N   (default: 1000; 20 where each session starts a server)
      --idle MS          how long a started server lives that nobody uses (default: 1800000)
      --env, --upstream-token-env, --upstream-transport   as above
      --forward-authorization   the client's Authorization goes on to the server
      --public-origin URL       under which clients reach the proxy, where something that ends TLS stands before it

  for both
      --policy FILE      the policies; changes are in force at the next call
      --server NAME      the server's name in policies (default: the command's name, the host of the URL)
      --agent ID         who calls (default: mcp-client)
      --tenant ID        for whom
      --user ID
      --state FILE       where limits, modes, plugs and ladders outlive a restart; several processes of a machine may
                         share it (default: nowhere, each start counts anew)
      --audit DIR        where the audit trail is written (default: nowhere)
      --approvals DIR    where questions to an operator lie; without it, the client's user answers
      --approval-wait MS how long a call waits for an answer (default: 300000)
      --deny-as KIND     result (default) or error
      --otel             a span of each request, by the @opentelemetry/api that is installed beside this; what it does with
                         them is set up by node --import, and must not write to standard output

  agentplane-mcp approve DIR ID --by NAME [--deny] [--reason TEXT]
      answers a question that lies in DIR
`;

const OPTIONS = {
  policy: { type: "string" },
  server: { type: "string" },
  agent: { type: "string" },
  tenant: { type: "string" },
  user: { type: "string" },
  state: { type: "string" },
  audit: { type: "string" },
  approvals: { type: "string" },
  "approval-wait": { type: "string" },
  "deny-as": { type: "string" },
  otel: { type: "boolean" },
  env: { type: "string", multiple: true },
  upstream: { type: "string" },
  host: { type: "string" },
  port: { type: "string" },
  "token-env": { type: "string" },
  "upstream-token-env": { type: "string" },
  "upstream-transport": { type: "string" },
  "max-sessions": { type: "string" },
  idle: { type: "string" },
  "allow-host": { type: "string", multiple: true },
  "allow-origin": { type: "string", multiple: true },
  "forward-authorization": { type: "boolean" },
  "public-origin": { type: "string" },
  by: { type: "string" },
  deny: { type: "boolean" },
  reason: { type: "string" },
  help: { type: "boolean", short: "h" },
} as const satisfies ParseArgsOptionsConfig;

const OF_BOTH = "policy server agent tenant user state audit approvals approval-wait deny-as otel".split(" ");
const OF_COMMAND: Readonly<Record<string, readonly string[]>> = {
  run: [...OF_BOTH, "env", "upstream", "upstream-token-env", "upstream-transport"],
  serve: [
    ...OF_BOTH,
    ..."upstream host port token-env upstream-token-env allow-host allow-origin".split(" "),
    ..."forward-authorization public-origin env upstream-transport max-sessions idle".split(" "),
  ],
  approve: ["by", "deny", "reason"],
};

/** The options as they were given. */
export type Values = ReturnType<typeof parseCommand>["values"];

/** The command cannot do what it was told: how it is used is said. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** Reads what stands before `--`. */
export function parseCommand(args: readonly string[]) {
  return parseArgs({ args: [...args], options: OPTIONS, allowPositionals: true, strict: true });
}

/** @throws UsageError for an option that this command would ignore */
export function checkCommand(command: string, values: Values): void {
  const known = OF_COMMAND[command];
  if (known === undefined) return;
  const ignored = Object.keys(values).find((name) => !known.includes(name));
  if (ignored !== undefined) throw new UsageError(`--${ignored} is no option of ${command}`);
}

/** @throws UsageError for a variable that is not set: what needs it fails later, and elsewhere */
export function variable(option: string, name: string): string {
  const value = process.env[name];
  if (value === undefined || value === "")
    throw new UsageError(`--${option} ${name}: there is no such variable here`);
  return value;
}
