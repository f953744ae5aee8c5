import { createContext, type AgentPlane } from "@agentplane/core";
import { streamText } from "ai";

import { govern } from "../src/index.ts";
import { fakeModel, TOKEN, TOKENS_PER_SECOND } from "./fake-model.ts";

/** What every stream here is: one second of tokens. */
export const TOKENS = 200;
const ROUNDS = 9;

/** When the tokens of a stream arrived, in ms. */
export interface StreamTimes {
  readonly firstToken: number;
  /** The median between two that were shown; undefined where they come all at once. */
  readonly interToken: number | undefined;
  readonly lastToken: number;
}

type Who = Parameters<typeof govern>[1];

/** Medians over rounds in which these planes, and the SDK without one, take turns. */
export async function streamTimes(
  who: Who,
  planes: Readonly<Record<string, AgentPlane>>,
): Promise<Record<string, StreamTimes>> {
  const ways = new Map<string, () => Settings>([["plain", given]]);
  for (const [name, plane] of Object.entries(planes)) ways.set(name, () => govern(plane, who, given()));
  const rounds = new Map<string, StreamTimes[]>([...ways.keys()].map((name) => [name, []]));
  for (let round = -1; round < ROUNDS; round++) {
    for (const [name, settings] of ways) {
      // oxlint-disable-next-line no-await-in-loop -- one stream after the other
      const times = await play(settings);
      // The first round runs code that has never run.
      if (round >= 0) rounds.get(name)?.push(times);
    }
  }
  return Object.fromEntries([...rounds].map(([name, list]) => [name, medians(list)]));
}

const given = () => ({ model: fakeModel(TOKENS), prompt: "go" });

type Settings = Parameters<typeof streamText>[0];

async function play(settings: () => Settings): Promise<StreamTimes> {
  const shownMs: number[] = [];
  const startedMs = performance.now();
  let shown = "";
  for await (const part of streamText(settings()).fullStream) {
    if (part.type !== "text-delta" || part.text === "") continue;
    shown += part.text;
    shownMs.push(performance.now() - startedMs);
  }
  if (shown !== TOKEN.repeat(TOKENS)) throw new Error(`${shown.length} characters arrived, or other ones`);
  const between = shownMs.slice(1).map((atMs, index) => atMs - (shownMs[index] ?? 0));
  return {
    firstToken: shownMs[0] ?? Number.NaN,
    interToken: between.length === 0 ? undefined : medianOf(between),
    lastToken: shownMs.at(-1) ?? Number.NaN,
  };
}

function medians(list: readonly StreamTimes[]): StreamTimes {
  const between = list.flatMap(({ interToken }) => (interToken === undefined ? [] : [interToken]));
  return {
    firstToken: medianOf(list.map(({ firstToken }) => firstToken)),
    interToken: between.length === 0 ? undefined : medianOf(between),
    lastToken: medianOf(list.map(({ lastToken }) => lastToken)),
  };
}

function medianOf(list: readonly number[]): number {
  return list.toSorted((a, b) => a - b)[Math.floor(list.length / 2)] ?? Number.NaN;
}

/** How long the tokens that a plane's rules hold back take to arrive, in ms; undefined for all of the answer. */
export function holdBackMs(plane: AgentPlane, who: Who): number | undefined {
  const { agent, session, tenant } = who;
  const context = createContext(
    { hookpoint: "after_model_call", agent, session, tenant, model: { name: "fake" } },
    Date.now(),
  );
  const { holdBack } = plane.engine.streamDuties(context);
  return holdBack === "whole" ? undefined : (holdBack * 1000) / (TOKENS_PER_SECOND * TOKEN.length);
}
