import { ResourceTemplate, type McpServer } from "@modelcontextprotocol/server";
import * as z from "zod";

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
const none = { inputSchema: z.object({}) };
const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 20));

/** Adds what the scenarios of the conformance kit ask of a server: tools, resources and prompts. */
export function addConformanceFeatures(server: McpServer): void {
  addTools(server);
  addTalkingTools(server);
  addResources(server);
  addPrompts(server);
}

function addTools(server: McpServer): void {
  const image = { type: "image" as const, data: PNG, mimeType: "image/png" };
  const resource = (uri: string, mimeType: string, words: string) => ({
    type: "resource" as const,
    resource: { uri, mimeType, text: words },
  });
  server.registerTool("test_simple_text", none, () => text("This is a simple text response for testing."));
  server.registerTool("test_image_content", none, () => ({ content: [image] }));
  server.registerTool("test_audio_content", none, () => ({
    content: [{ type: "audio" as const, data: WAV, mimeType: "audio/wav" }],
  }));
  server.registerTool("test_embedded_resource", none, () => ({
    content: [resource("test://embedded-resource", "text/plain", "This is an embedded resource content.")],
  }));
  server.registerTool("test_multiple_content_types", none, () => ({
    content: [
      { type: "text" as const, text: "Multiple content types test:" },
      image,
      resource("test://mixed-content-resource", "application/json", '{"test":"data","value":123}'),
    ],
  }));
  server.registerTool("test_error_handling", none, () => {
    throw new Error("This tool intentionally returns an error for testing");
  });
}

function addTalkingTools(server: McpServer): void {
  server.registerTool("test_tool_with_logging", none, async (_input, { mcpReq }) => {
    await mcpReq.log("info", "Tool execution started");
    await pause();
    await mcpReq.log("info", "Tool processing data");
    await pause();
    await mcpReq.log("info", "Tool execution completed");
    return text("logged");
  });
  server.registerTool("test_tool_with_progress", none, async (_input, { mcpReq }) => {
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
  const prompt = { inputSchema: z.object({ prompt: z.string() }) };
  server.registerTool("test_sampling", prompt, async (input, { mcpReq }) => {
    const { content } = await mcpReq.requestSampling({
      messages: [user({ type: "text", text: input.prompt })],
      maxTokens: 100,
    });
    return text(`LLM response: ${JSON.stringify(content)}`);
  });
  const message = { inputSchema: z.object({ message: z.string() }) };
  server.registerTool("test_elicitation", message, async (input, { mcpReq }) => {
    const answer = await mcpReq.elicitInput({
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
  server.registerPrompt("test_simple_prompt", {}, () => ({
    messages: [user({ type: "text", text: "This is a simple prompt for testing." })],
  }));
  const argsSchema = z.object({ arg1: z.string(), arg2: z.string() });
  server.registerPrompt("test_prompt_with_arguments", { argsSchema }, ({ arg1, arg2 }) => ({
    messages: [user({ type: "text", text: `Prompt with arguments: arg1='${arg1}', arg2='${arg2}'` })],
  }));
  server.registerPrompt("test_prompt_with_image", {}, () => ({
    messages: [
      user({ type: "image", data: PNG, mimeType: "image/png" }),
      user({ type: "text", text: "Please analyze the image above." }),
    ],
  }));
}
