/** What an alert says: identities and reasons, never an argument or a result. */
export interface AlertMessage {
  /** What raised it: a rule's alert on a decision, or a level of a ladder. */
  readonly kind: "decision" | "ladder";
  readonly policyId?: string | undefined;
  readonly ruleId?: string | undefined;
  readonly agent: string;
  readonly tenant?: string | undefined;
  readonly hookpoint: string;
  readonly tool?: string | undefined;
  readonly decisionId?: string | undefined;
  /** Why the call was judged so, for people. */
  readonly reason: string;
  /** One line for people: what happened. */
  readonly text: string;
}

/** The port through which alerts leave: a log, a webhook, a chat. */
export interface Notifier {
  /** Sends one alert; rejects when it could not be delivered after every retry. */
  notify(alert: AlertMessage): void | Promise<void>;
}
