import type { IncomingHttpHeaders } from "node:http";

import { literalIn, type Frame } from "../frame/frame.ts";
import { listOf, recordOf, textOf, type JsonRecord } from "../frame/json.ts";
import { decoded, encoded } from "./header-agreement.ts";

/** One argument of a tool's that a header repeats. */
interface Repeated {
  readonly header: string;
  readonly path: readonly string[];
}

/** What a header's name may be made of (RFC 9110, section 5.6.2). */
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const REPEATABLE = new Set(["string", "integer", "boolean"]);
/** The most tools that are remembered: names are the server's to invent. */
const MAX_TOOLS = 10_000;

/**
 * The `Mcp-Param-*` headers of calls: which arguments they repeat, a server says in the schemas of its tools
 * (2026-07-28, Streamable HTTP, "Custom Headers from Tool Parameters").
 */
export class ParamHeaders {
  readonly #ofTool = new Map<string, readonly Repeated[]>();

  /**
   * Learns from a `tools/list` answer.
   * @returns The names of tools whose schema repeats what it may not: they cannot be called over HTTP.
   */
  learn({ message }: Frame): readonly string[] {
    const invalid: string[] = [];
    for (const item of listOf(recordOf(message["result"])?.["tools"])) {
      const tool = recordOf(item) ?? {};
      const name = textOf(tool["name"]);
      if (name === undefined) continue;
      const repeated = repeatedIn(recordOf(tool["inputSchema"]) ?? {});
      const names = new Set(repeated?.map(({ header }) => header));
      this.#ofTool.delete(name);
      if (repeated === undefined || names.size < repeated.length) invalid.push(name);
      else if (repeated.length > 0) this.#remember(name, repeated);
    }
    return invalid;
  }

  /** The headers that a call needs. */
  of(frame: Frame): Record<string, string> {
    const headers = this.#repeatedBy(frame).flatMap(({ header, path }) => {
      const said = saidAt(frame, path);
      return said === undefined ? [] : [[header, encoded(said)] as const];
    });
    return Object.fromEntries(headers);
  }

  /** @returns The header of a call that says something else than the argument that it repeats, if one does. */
  mismatch(headers: IncomingHttpHeaders, frame: Frame): string | undefined {
    const wrong = this.#repeatedBy(frame).find(({ header, path }) => {
      const given = headers[header];
      return given !== undefined && decoded(String(given)) !== saidAt(frame, path);
    });
    return wrong?.header;
  }

  #repeatedBy({ message }: Frame): readonly Repeated[] {
    if (message["method"] !== "tools/call") return [];
    return this.#ofTool.get(textOf(recordOf(message["params"])?.["name"]) ?? "") ?? [];
  }

  #remember(name: string, repeated: readonly Repeated[]): void {
    const [oldest] = this.#ofTool.keys();
    if (this.#ofTool.size >= MAX_TOOLS && oldest !== undefined) this.#ofTool.delete(oldest);
    this.#ofTool.set(name, repeated);
  }
}

/** An argument as a header says it; a number that JavaScript cannot repeat as it is written. */
function saidAt(frame: Frame, path: readonly string[]): string | undefined {
  let value: unknown = recordOf(frame.message["params"])?.["arguments"];
  for (const member of path) value = recordOf(value)?.[member];
  if (typeof value === "number" && !Number.isSafeInteger(value))
    return literalIn(frame, ["params", "arguments", ...path]);
  return ["string", "number", "boolean"].includes(typeof value) ? String(value) : undefined;
}

/** @returns What is repeated; undefined when the schema asks for what it may not. */
function repeatedIn(schema: JsonRecord, path: readonly string[] = []): readonly Repeated[] | undefined {
  const found: Repeated[] = [];
  const { properties, ...others } = schema;
  // Elsewhere than at a plain path of properties, which value is meant would depend on the values.
  if (asks(others)) return undefined;
  for (const [name, value] of Object.entries(recordOf(properties) ?? {})) {
    const { "x-mcp-header": asked, ...inner } = recordOf(value) ?? {};
    const own = [...path, name];
    if (asked !== undefined) {
      if (typeof asked !== "string" || !TOKEN.test(asked) || !REPEATABLE.has(String(inner["type"])))
        return undefined;
      found.push({ header: `mcp-param-${asked.toLowerCase()}`, path: own });
    }
    const deeper = repeatedIn(inner, own);
    if (deeper === undefined) return undefined;
    found.push(...deeper);
  }
  return found;
}

function asks(value: unknown): boolean {
  if (Array.isArray(value)) return value.some((item) => asks(item));
  const record = recordOf(value);
  return (
    record !== undefined && ("x-mcp-header" in record || Object.values(record).some((inner) => asks(inner)))
  );
}
