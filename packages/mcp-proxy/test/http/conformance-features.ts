import {
  completable,
  fromJsonSchema,
  ResourceTemplate,
  type McpServer,
  type ServerContext,
} from "@modelcontextprotocol/server";
import * as z from "zod";

import { addConformanceInputs } from "./conformance-inputs.ts";

const PNG =
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg==";
const WAV = "UklGRiQAAABXQVZFZm10IBAAAAABAAEAQB8AAEAfAAABAAgAZGF0YQAAAAA=";
const text = (words: string) => ({ content: [{ type: "text" as const, text: words }] });
const user = (
  content: { type: "text"; text: string } | { type: "image"; data: string; mimeType: string },
) => ({
  role: "user" as const,
  content,
});
const none = (description: string) => ({ description, inputSchema: z.object({}) });
const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 20));

// A question travels on the stream of its call. Left to itself the SDK takes the session's own stream, and the question is
// lost where the client opens that a moment later.
const elicited = (request: Request, params: Parameters<Request["elicitInput"]>[0]) =>
  request.elicitInput(params, { relatedRequestId: request.id });
const sampled = (request: Request, params: Parameters<Request["requestSampling"]>[0]) =>
  request.requestSampling(params, { relatedRequestId: request.id });
type Request = ServerContext["mcpReq"];

/** Adds what the scenarios of the conformance kit ask of a server: tools, resources and prompts. */
export function addConformanceFeatures(server: McpServer): void {
  addTools(server);
  addTalkingTools(server);
  addResources(server);
  addPrompts(server);
  addSubscriptions(server);
  addSchemas(server);
  addConformanceInputs(server);
}

function addTools(server: McpServer): void {
  const image = { type: "image" as const, data: PNG, mimeType: "image/png" };
  const resource = (uri: string, mimeType: string, words: string) => ({
    type: "resource" as const,
    resource: { uri, mimeType, text: words },
  });
  server.registerTool("test_simple_text", none("Says something"), () =>
    text("This is a simple text response for testing."),
  );
  server.registerTool("test_image_content", none("Shows something"), () => ({ content: [image] }));
  server.registerTool("test_audio_content", none("Sounds"), () => ({
    content: [{ type: "audio" as const, data: WAV, mimeType: "audio/wav" }],
  }));
  server.registerTool("test_embedded_resource", none("Holds a resource"), () => ({
    content: [resource("test://embedded-resource", "text/plain", "This is an embedded resource content.")],
  }));
  server.registerTool("test_multiple_content_types", none("Holds several things"), () => ({
    content: [
      { type: "text" as const, text: "Multiple content types test:" },
      image,
      resource("test://mixed-content-resource", "application/json", '{"test":"data","value":123}'),
    ],
  }));
  server.registerTool("test_error_handling", none("Fails"), () => {
    throw new Error("This tool intentionally returns an error for testing");
  });
}

function addTalkingTools(server: McpServer): void {
  server.registerTool("test_tool_with_logging", none("Logs"), async (_input, { mcpReq }) => {
    await mcpReq.log("info", "Tool execution started");
    await pause();
    await mcpReq.log("info", "Tool processing data");
    await pause();
    await mcpReq.log("info", "Tool execution completed");
    return text("logged");
  });
  server.registerTool("test_tool_with_progress", none("Tells how far it is"), async (_input, { mcpReq }) => {
    const progressToken = mcpReq["_meta"]?.progressToken;
    for (const progress of [0, 50, 100]) {
      const params = { progressToken: progressToken ?? 0, progress, total: 100 };
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      if (progressToken !== undefined) await mcpReq.notify({ method: "notifications/progress", params });
      // oxlint-disable-next-line no-await-in-loop
      await pause();
    }
    return text("progressed");
  });
  const prompt = { description: "Asks the model", inputSchema: z.object({ prompt: z.string() }) };
  server.registerTool("test_sampling", prompt, async (input, { mcpReq }) => {
    const { content } = await sampled(mcpReq, {
      messages: [user({ type: "text", text: input.prompt })],
      maxTokens: 100,
    });
    return text(`LLM response: ${JSON.stringify(content)}`);
  });
  const message = { description: "Asks the user", inputSchema: z.object({ message: z.string() }) };
  server.registerTool("test_elicitation", message, async (input, { mcpReq }) => {
    const answer = await elicited(mcpReq, {
      message: input.message,
      requestedSchema: {
        type: "object",
        properties: {
          username: { type: "string", description: "User's response" },
          email: { type: "string", description: "User's email address" },
        },
        required: ["username", "email"],
      },
    });
    return text(`User response: ${JSON.stringify(answer)}`);
  });
}

function addResources(server: McpServer): void {
  const words = "This is the content of the static text resource.";
  server.registerResource("text", "test://static-text", { mimeType: "text/plain" }, ({ href }) => ({
    contents: [{ uri: href, mimeType: "text/plain", text: words }],
  }));
  server.registerResource("binary", "test://static-binary", { mimeType: "image/png" }, ({ href }) => ({
    contents: [{ uri: href, mimeType: "image/png", blob: PNG }],
  }));
  const template = new ResourceTemplate("test://template/{id}/data", { list: undefined });
  server.registerResource("template", template, { mimeType: "application/json" }, ({ href }, { id }) => {
    const data = JSON.stringify({ id, templateTest: true, data: `Data for ID: ${String(id)}` });
    return { contents: [{ uri: href, mimeType: "application/json", text: data }] };
  });
}

function addPrompts(server: McpServer): void {
  server.registerPrompt("test_simple_prompt", { description: "Says something" }, () => ({
    messages: [user({ type: "text", text: "This is a simple prompt for testing." })],
  }));
  const words = completable(z.string(), (given) =>
    ["paris", "park"].filter((word) => word.startsWith(given)),
  );
  const argsSchema = z.object({ arg1: words, arg2: z.string() });
  server.registerPrompt(
    "test_prompt_with_arguments",
    { description: "Says what it is given", argsSchema },
    ({ arg1, arg2 }) => ({
      messages: [user({ type: "text", text: `Prompt with arguments: arg1='${arg1}', arg2='${arg2}'` })],
    }),
  );
  server.registerPrompt("test_prompt_with_image", { description: "Shows something" }, () => ({
    messages: [
      user({ type: "image", data: PNG, mimeType: "image/png" }),
      user({ type: "text", text: "Please analyze the image above." }),
    ],
  }));
  const uriSchema = z.object({ resourceUri: z.string() });
  server.registerPrompt(
    "test_prompt_with_embedded_resource",
    { description: "Holds a resource", argsSchema: uriSchema },
    ({ resourceUri: uri }) => {
      const held = { uri, mimeType: "text/plain", text: "Embedded resource content for testing." };
      const embedded = { role: "user" as const, content: { type: "resource" as const, resource: held } };
      return {
        messages: [embedded, user({ type: "text", text: "Please process the embedded resource above." })],
      };
    },
  );
}

/** A client may say that it wants to hear of a resource; nothing of this server ever changes. */
function addSubscriptions({ server }: McpServer): void {
  server.registerCapabilities({ resources: { subscribe: true } });
  server.setRequestHandler("resources/subscribe", () => ({}));
  server.setRequestHandler("resources/unsubscribe", () => ({}));
}

/** Tools whose schemas use what not every reader of schemas knows. */
function addSchemas(server: McpServer): void {
  const address = { $anchor: "addressDef", type: "object", properties: { street: { type: "string" } } };
  const phone = { contactMethod: { const: "phone" } };
  const inputSchema = fromJsonSchema({
    $schema: "https://json-schema.org/draft/2020-12/schema",
    type: "object",
    $defs: { address },
    properties: {
      name: { type: "string" },
      address: { $ref: "#/$defs/address" },
      contactMethod: { type: "string", enum: ["phone", "email"] },
      phone: { type: "string" },
      email: { type: "string" },
    },
    allOf: [{ anyOf: [{ required: ["phone"] }, { required: ["email"] }] }],
    if: { properties: phone, required: ["contactMethod"] },
    // oxlint-disable-next-line no-thenable -- a keyword of JSON Schema
    then: { required: ["phone"] },
    else: { required: ["email"] },
    additionalProperties: false,
  });
  server.registerTool(
    "json_schema_2020_12_tool",
    { description: "Has a schema of 2020-12", inputSchema },
    () => text("valid"),
  );
  server.registerTool(
    "test_elicitation_sep1034_defaults",
    none("Asks with defaults"),
    async (_input, { mcpReq }) => {
      const answer = await elicited(mcpReq, {
        message: "Are these right?",
        requestedSchema: {
          type: "object",
          properties: {
            name: { type: "string", default: "John Doe" },
            age: { type: "integer", default: 30 },
            score: { type: "number", default: 95.5 },
            status: { type: "string", enum: ["active", "inactive", "pending"], default: "active" },
            verified: { type: "boolean", default: true },
          },
        },
      });
      return text(`Elicitation completed: ${JSON.stringify(answer)}`);
    },
  );
  const titled = ["First", "Second", "Third"].map((word, at) => ({
    const: `value${at + 1}`,
    title: `${word} Option`,
  }));
  const plain = ["option1", "option2", "option3"];
  server.registerTool(
    "test_elicitation_sep1330_enums",
    none("Asks for choices"),
    async (_input, { mcpReq }) => {
      const answer = await elicited(mcpReq, {
        message: "Choose",
        requestedSchema: {
          type: "object",
          properties: {
            untitledSingle: { type: "string", enum: plain },
            titledSingle: { type: "string", oneOf: titled },
            legacyEnum: {
              type: "string",
              enum: ["opt1", "opt2", "opt3"],
              enumNames: ["One", "Two", "Three"],
            },
            untitledMulti: { type: "array", items: { type: "string", enum: plain } },
            titledMulti: { type: "array", items: { anyOf: titled } },
          },
        },
      });
      return text(`Elicitation completed: ${JSON.stringify(answer)}`);
    },
  );
}
