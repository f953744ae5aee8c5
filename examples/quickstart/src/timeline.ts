import path from "node:path";
import { setTimeout } from "node:timers/promises";
import { styleText } from "node:util";

import type { ControlRecord, Decision, DecisionRecord, OutcomeRecord } from "@agentplane/core";

const TELL_EVERY_MS = 800;

type Style = Parameters<typeof styleText>[0];

/** Writes what happens as readable lines: colours only on a terminal that wants them (`NO_COLOR` is respected). */
export class Timeline {
  readonly #startedMs = performance.now();

  /** Opens a chapter. */
  chapter(number: number, title: string): void {
    this.#line("");
    this.#line(paint(["bold", "cyan"], `${number} · ${title}`));
  }

  /** Says what people or the agent do; the text is shortened to one line. */
  say(who: "user" | "agent" | "model" | "tool" | "operator" | "alert", text: string): void {
    const style: Style = who === "operator" || who === "alert" ? "magenta" : "dim";
    this.#timed(`${paint(style, who.padEnd(8))} ${oneLine(text)}`);
  }

  /** Shows a decision with its reason, and what it obliges to. */
  decision({ decision, tool, model }: DecisionRecord): void {
    const subject = tool ?? model ?? decision.hookpoint;
    this.#timed(
      `${effectWord(decision)} ${subject.padEnd(13)} ${decision.reason} ${paint("dim", sourceOf(decision))}`,
    );
  }

  /** Shows what became of a call where that is not what the decision says. */
  outcome({ outcome, after, tool, model, result }: OutcomeRecord): void {
    const subject = (tool ?? model ?? after?.hookpoint ?? "run").padEnd(13);
    if (outcome === "withheld" || outcome === "failed") {
      this.#timed(`${paint("red", `✗ ${outcome}`.padEnd(8))} ${subject} ${after?.reason ?? ""}`);
    }
    // The record holds the result as it was shown.
    if (!/\[[A-Z_]+\]/.test(JSON.stringify(result) ?? "")) return;
    for (const duty of after?.obligations ?? []) {
      if (duty.kind !== "redact") continue;
      const what = [
        ...duty.fields.map((field) => `field ${field}`),
        ...duty.detect.map((found) => `any ${found}`),
      ];
      this.#timed(
        `${paint("yellow", "≈ redact")} ${subject} the result is shown without: ${what.join(", ")}`,
      );
    }
  }

  /** Shows a change of how the plane behaves. */
  control({ action, by, subject, reason, data }: ControlRecord): void {
    const details = ["level", "mode", "approvalId"].flatMap((name) => {
      const value = data?.[name];
      return typeof value === "string" || typeof value === "number" ? [`${name} ${value}`] : [];
    });
    const what = [action.replaceAll("_", " "), ...details].join(", ");
    // A file's full path says nothing here.
    const whom = subject.startsWith("file:") ? path.basename(subject) : subject;
    const who = by.startsWith("file:") ? "" : paint("dim", `by ${by} `);
    this.#timed(
      `${paint("blue", "● plane ")} ${whom.padEnd(13)} ${what} ${who}${reason === undefined ? "" : `— ${reason}`}`,
    );
  }

  /** The line that programs look for: printed by a step only after it has seen what it names. */
  shown(marker: string, seen: string): void {
    this.#line(`  ${paint(["bold", "green"], `✔ shown: ${marker}`)} ${paint("green", `— ${oneLine(seen)}`)}`);
  }

  note(text: string): void {
    this.#line(paint("dim", `  ${text}`));
  }

  failed(text: string): void {
    this.#line(paint(["bold", "red"], `✗ ${text}`));
  }

  /** Shows that time passes until something has happened. */
  async waitUntil(what: string, hasHappened: () => boolean, limitMs: number): Promise<boolean> {
    const startMs = performance.now();
    let toldMs = -Infinity;
    while (!hasHappened()) {
      const nowMs = performance.now();
      if (nowMs - startMs > limitMs) return false;
      if (nowMs - toldMs >= TELL_EVERY_MS) {
        this.#timed(paint("dim", `…        waiting until ${what}`));
        toldMs = nowMs;
      }
      // oxlint-disable-next-line no-await-in-loop -- waiting is what this loop is for
      await setTimeout(50);
    }
    return true;
  }

  #timed(text: string): void {
    const seconds = ((performance.now() - this.#startedMs) / 1_000).toFixed(2).padStart(6);
    this.#line(`${paint("dim", `${seconds}s`)}  ${text}`);
  }

  #line(text: string): void {
    process.stdout.write(`${text.trimEnd()}\n`);
  }
}

function effectWord({ effect, verdict, modes }: Decision): string {
  if (effect === "block") return paint("red", "✗ block ");
  if (effect === "ask") return paint("yellow", "? ask   ");
  return verdict === "allow" && modes.length === 0 ? paint("green", "✓ allow ") : paint("yellow", "! allow ");
}

function sourceOf({ policyId, ruleId, cause, modes }: Decision): string {
  const rule = policyId === undefined ? cause : `${policyId}/${ruleId ?? ""}`;
  return `[${modes.length === 0 ? rule : `${rule}, mode ${modes.join("+")}`}]`;
}

function paint(style: Style, text: string): string {
  return styleText(style, text, { stream: process.stdout });
}

function oneLine(text: string): string {
  const line = text.replaceAll(/\s+/g, " ").trim();
  return line.length > 150 ? `${line.slice(0, 149)}…` : line;
}
