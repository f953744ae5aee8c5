import type { AlertMessage, Notifier } from "../base/notifier.ts";
import type { AlertTarget } from "../policy/policy.ts";
import { deliver } from "./delivery.ts";
import type { NotifierDeps } from "./notifier-deps.ts";
import { requireAddress, requireFetch } from "./webhook.ts";

/**
 * Alerts in a Slack channel through an incoming webhook, whose address is a secret.
 * Format: Slack Block Kit, https://docs.slack.dev/reference/block-kit.
 */
export function createSlackNotifier(
  { url }: Extract<AlertTarget, { channel: "slack" }>,
  deps: NotifierDeps,
): Notifier {
  const address = requireAddress(url, deps);
  const fetch = requireFetch(deps);
  return {
    notify(alert) {
      const headers = { "content-type": "application/json" };
      return deliver({ ...address, headers, body: JSON.stringify(slackMessage(alert)) }, { ...deps, fetch });
    },
  };
}

interface SlackText {
  readonly type: "mrkdwn";
  readonly text: string;
}

interface SlackMessage {
  /** What a notification shows. */
  readonly text: string;
  readonly blocks: readonly {
    readonly type: "section";
    readonly text?: SlackText;
    readonly fields?: readonly SlackText[];
  }[];
}

/** Writes an alert as Slack shows it. */
export function slackMessage(alert: AlertMessage): SlackMessage {
  const headline = escapeSlack(`agentplane: ${alert.text}`);
  const facts: readonly (readonly [string, string | undefined])[] = [
    ["Agent", alert.agent],
    ["Tenant", alert.tenant],
    ["Hookpoint", alert.hookpoint],
    ["Tool", alert.tool],
    ["Policy", alert.policyId],
    ["Rule", alert.ruleId],
    ["Decision", alert.decisionId],
  ];
  const fields = facts.flatMap(([label, value]) =>
    value === undefined ? [] : [mrkdwn(`*${label}*\n${escapeSlack(value)}`)],
  );
  return {
    text: headline,
    blocks: [
      { type: "section", text: mrkdwn(`*${headline}*\n${escapeSlack(alert.reason)}`) },
      { type: "section", fields },
    ],
  };
}

/** Slack refuses longer texts. */
const MAX_TEXT_CHARS = 2_000;

function mrkdwn(text: string): SlackText {
  return { type: "mrkdwn", text: text.slice(0, MAX_TEXT_CHARS) };
}

/** A name must not become a mention or a link, such as `<!channel>`. */
function escapeSlack(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
