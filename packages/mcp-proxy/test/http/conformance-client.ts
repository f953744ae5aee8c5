import {
  Client,
  StreamableHTTPClientTransport,
  UnauthorizedError,
  type CallToolResult,
  type StreamableHTTPClientTransportOptions,
  type Tool,
} from "@modelcontextprotocol/client";

import { conformanceAuth } from "./conformance-auth.ts";

/** What the kit asks of a client. */
export interface Scenario {
  readonly name: string;
  /** The revision of the protocol. */
  readonly version: string;
  /** What the kit tells beside that: credentials, the calls it wants. */
  readonly context: Readonly<Record<string, unknown>>;
  readonly url: string;
}

/** Runs a step; where it needs an authorization that the user has given by then, once more. */
type Run = <T>(step: (client: Client) => Promise<T>) => Promise<T>;

/** Does what any client of a server does: looks what is there, and uses all of it. */
export async function playScenario(scenario: Scenario): Promise<void> {
  const { run, close } = await connected(scenario);
  try {
    const { tools } = await run((client) => client.listTools());
    for (const call of callsOf(scenario, tools)) {
      const tool = tools.find(({ name }) => name === call.name);
      // A tool that the client has left out of its list is none that it calls.
      if (tool === undefined) continue;
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      await run((client): Promise<CallToolResult> => client.callTool(call));
    }
    await useOthers(run);
  } finally {
    await close();
  }
}

async function connected({
  name,
  version,
  context,
  url,
}: Scenario): Promise<{ run: Run; close(): Promise<void> }> {
  const auth = conformanceAuth(name, context);
  const options: StreamableHTTPClientTransportOptions =
    auth === undefined ? {} : { authProvider: auth.provider };
  const open = async (): Promise<{ client: Client; transport: StreamableHTTPClientTransport }> => {
    const transport = new StreamableHTTPClientTransport(new URL(url), options);
    const client = newClient(version);
    await authorised(transport, () => client.connect(transport)).catch(async (error: unknown) => {
      if (!(error instanceof Again)) throw error;
    });
    return { client, transport };
  };
  const authorised = async <T>(
    transport: StreamableHTTPClientTransport,
    step: () => Promise<T>,
  ): Promise<T> => {
    try {
      return await step();
    } catch (error) {
      if (!(error instanceof UnauthorizedError) || auth?.takeAnswer === undefined) throw error;
      const answer = auth.takeAnswer();
      if (answer === undefined) throw error;
      await transport.finishAuth(answer);
      throw new Again("authorised by now", { cause: error });
    }
  };
  let { client, transport } = await open();
  return {
    async run(step) {
      for (let turn = 0; ; turn++) {
        try {
          // oxlint-disable-next-line no-await-in-loop
          if (client.transport === undefined) ({ client, transport } = await open());
          // oxlint-disable-next-line no-await-in-loop -- each turn follows from the one before
          return await authorised(transport, () => step(client));
        } catch (error) {
          // More often than this no server is asked: what it refuses it will go on refusing.
          if (!(error instanceof Again) || turn >= 3) throw error;
        }
      }
    },
    close: () => client.close(),
  };
}

/** The step is to be taken once more: the user has agreed meanwhile. */
class Again extends Error {}

function newClient(version: string): Client {
  const client = new Client(
    { name: "agentplane-conformance-client", version: "1.0.0" },
    {
      versionNegotiation: { mode: version >= "2026" ? "auto" : "legacy" },
      capabilities: { elicitation: { form: { applyDefaults: true } }, sampling: {}, roots: {} },
    },
  );
  client.setRequestHandler("elicitation/create", ({ params }) => {
    const isConfirm = JSON.stringify(params).includes('"confirmed"');
    return { action: "accept", content: isConfirm ? { confirmed: true } : {} };
  });
  return client;
}

interface Call {
  readonly name: string;
  readonly arguments: Record<string, unknown>;
}

/** The calls that the kit asks for, or one of each tool. */
function callsOf({ context }: Scenario, tools: readonly Tool[]): readonly Call[] {
  const asked = context["toolCalls"];
  // The kit's own form.
  if (Array.isArray(asked)) return asked as Call[];
  return tools.map(({ name, inputSchema }) => {
    const members = Object.entries(inputSchema.properties ?? {});
    return {
      name,
      arguments: Object.fromEntries(
        members.map(([member, schema]) => [member, exampleOf(member, schema, tools)]),
      ),
    };
  });
}

function exampleOf(member: string, schema: unknown, tools: readonly Tool[]): unknown {
  // What a client has kept of a schema is asked back under this name.
  if (member === "schema") return tools[0]?.inputSchema;
  const { type } = schema as { type?: string };
  if (type === "number" || type === "integer") return 2;
  if (type === "boolean") return true;
  return type === "object" ? {} : "text";
}

async function useOthers(run: Run): Promise<void> {
  const capabilities = await run(async (client) => client.getServerCapabilities());
  if (capabilities?.resources !== undefined) {
    const { resources } = await run((client) => client.listResources());
    const [first] = resources;
    if (first !== undefined) await run((client) => client.readResource({ uri: first.uri }));
  }
  if (capabilities?.prompts !== undefined) {
    const { prompts } = await run((client) => client.listPrompts());
    const [first] = prompts;
    if (first !== undefined) await run((client) => client.getPrompt({ name: first.name }));
  }
}
