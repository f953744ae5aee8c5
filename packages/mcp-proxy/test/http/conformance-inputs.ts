import {
  acceptedContent,
  createRequestStateCodec,
  inputRequired,
  inputResponse,
  MissingRequiredClientCapabilityError,
  type CallToolResult,
  type InputRequiredResult,
  type InputRequiredSpec,
  type McpServer,
  type ServerContext,
} from "@modelcontextprotocol/server";
import * as z from "zod";

const text = (words: string): CallToolResult => ({ content: [{ type: "text", text: words }] });
const form = (message: string, member: string, type: "string" | "boolean" = "string") => {
  // One of the two kinds: which, only the caller knows.
  const schema = type === "string" ? { type: "string" as const } : { type: "boolean" as const };
  const requestedSchema = { type: "object" as const, properties: { [member]: schema }, required: [member] };
  return inputRequired.elicit({ message, requestedSchema });
};
const question = (words: string, maxTokens: number) =>
  inputRequired.createMessage({
    messages: [{ role: "user", content: { type: "text", text: words } }],
    maxTokens,
  });

const codec = createRequestStateCodec<{ step: string }>({ key: "a key of a test, thirty-two bytes" });
/** How a server of these tools knows a state that it has sealed. */
export const VERIFIED_STATE = {
  verify: (state: string, context: ServerContext) => codec.verify(state, context),
};

/** What a tool answers once it has what it asked for; undefined: it asks. */
type Answer = (responses: Readonly<Record<string, unknown>>) => string | undefined;

/** Adds the tools and the prompt of the kit that need something of the client first. */
export function addConformanceInputs(server: McpServer): void {
  addQuestions(server);
  addSealedQuestions(server);
  addCapabilityTools(server);
  server.registerPrompt(
    "test_input_required_result_prompt",
    { description: "A prompt that asks for its context" },
    ({ mcpReq }) => {
      const given = acceptedContent(mcpReq.inputResponses, "user_context");
      if (given === undefined)
        return inputRequired({
          inputRequests: { user_context: form("What context should the prompt use?", "context") },
        });
      const words = `Context: ${String(given["context"])}`;
      return { messages: [{ role: "user", content: { type: "text", text: words } }] };
    },
  );
}

function add(
  server: McpServer,
  name: string,
  act: (
    responses: Readonly<Record<string, unknown>>,
    context: ServerContext,
  ) => Promise<CallToolResult | InputRequiredResult>,
): void {
  const config = { description: `The kit's tool ${name}`, inputSchema: z.object({}) };
  server.registerTool(name, config, (_input, context) => act(context.mcpReq.inputResponses ?? {}, context));
}

function addQuestions(server: McpServer): void {
  const ask = (name: string, spec: InputRequiredSpec, answer: Answer): void =>
    add(server, name, async (responses) => {
      const words = answer(responses);
      return words === undefined ? inputRequired(spec) : text(words);
    });
  ask(
    "test_input_required_result_elicitation",
    { inputRequests: { user_name: form("What is your name?", "name") } },
    (given) => {
      const name = acceptedContent(given, "user_name")?.["name"];
      return typeof name === "string" ? `Hello, ${name}!` : undefined;
    },
  );
  ask(
    "test_input_required_result_sampling",
    { inputRequests: { capital_question: question("What is the capital of France?", 100) } },
    (given) => {
      const answer = inputResponse(given, "capital_question");
      return answer.kind === "sampling" ? JSON.stringify(answer.result.content) : undefined;
    },
  );
  ask(
    "test_input_required_result_list_roots",
    { inputRequests: { client_roots: inputRequired.listRoots() } },
    (given) => {
      const answer = inputResponse(given, "client_roots");
      return answer.kind === "roots" ? JSON.stringify(answer.roots) : undefined;
    },
  );
}

/** Those that give the client a state to carry. */
function addSealedQuestions(server: McpServer): void {
  const seal = async (step: string, context: ServerContext): Promise<string> => codec.mint({ step }, context);
  const confirm = { confirm: form("Please confirm", "ok", "boolean") };
  for (const name of [
    "test_input_required_result_request_state",
    "test_input_required_result_tampered_state",
  ])
    add(server, name, async (responses, context) => {
      const state = context.mcpReq.requestState<{ step: string }>();
      const isAnswered = acceptedContent(responses, "confirm") !== undefined && state?.step === name;
      if (isAnswered) return text("state-ok");
      return inputRequired({ inputRequests: confirm, requestState: await seal(name, context) });
    });
  add(server, "test_input_required_result_multiple_inputs", async (responses, context) => {
    const keys = ["user_name", "greeting", "client_roots"];
    if (keys.every((key) => inputResponse(responses, key).kind !== "missing"))
      return text("all of it is here");
    return inputRequired({
      inputRequests: {
        user_name: form("What is your name?", "name"),
        greeting: question("Generate a greeting", 50),
        client_roots: inputRequired.listRoots(),
      },
      requestState: await seal("all", context),
    });
  });
  add(server, "test_input_required_result_multi_round", async (responses, context) => {
    const step = context.mcpReq.requestState<{ step: string }>()?.step;
    if (step === "two" && acceptedContent(responses, "step2") !== undefined)
      return text("both steps are done");
    const isSecond = step === "one" && acceptedContent(responses, "step1") !== undefined;
    return inputRequired({
      inputRequests: isSecond
        ? { step2: form("Step 2: What is your favorite color?", "color") }
        : { step1: form("Step 1: What is your name?", "name") },
      requestState: await seal(isSecond ? "two" : "one", context),
    });
  });
}

/** Those that depend on what the client can do. */
function addCapabilityTools(server: McpServer): void {
  const META = "io.modelcontextprotocol/clientCapabilities";
  // The envelope is not typed by the SDK.
  const capabilitiesOf = ({ mcpReq }: ServerContext) =>
    ((mcpReq.envelope ?? {}) as Readonly<Record<string, Record<string, unknown> | undefined>>)[META] ?? {};
  add(server, "test_input_required_result_capabilities", async (responses, context) => {
    if (Object.keys(responses).length > 0) return text("answered");
    const { sampling, elicitation } = capabilitiesOf(context);
    return inputRequired({
      inputRequests: {
        ...(sampling !== undefined && { capital_question: question("What is the capital of France?", 100) }),
        ...(elicitation !== undefined && { user_name: form("What is your name?", "name") }),
      },
      requestState: await codec.mint({ step: "capabilities" }, context),
    });
  });
  add(server, "test_missing_capability", async (_responses, context) => {
    if (capabilitiesOf(context)["sampling"] !== undefined) return text("sampled");
    throw new MissingRequiredClientCapabilityError({ requiredCapabilities: { sampling: {} } });
  });
  add(server, "test_streaming_elicitation", async (responses) =>
    acceptedContent(responses, "user_name") === undefined
      ? inputRequired({ inputRequests: { user_name: form("What is your name?", "name") } })
      : text("streamed"),
  );
  add(server, "test_logging_tool", async (_responses, { mcpReq }) => {
    await mcpReq.log("info", "logged");
    return text("logged");
  });
}
