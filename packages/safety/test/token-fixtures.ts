/**
 * Token-shaped test data, put together at run time: written out, it would set off every secret scanner of a code host.
 */
export const BODY = "a1B2c3D4e5F6g7H8";

/** Joins the parts of a token, which no source file shows in one piece. */
export function joined(...parts: readonly string[]): string {
  return parts.join("");
}

/** One valid-looking secret per detector of the family `secret`. */
export const SECRETS: Readonly<Record<string, string>> = {
  awsAccessKey: joined("AK", "IA", "Q3EGRI5ZJ2K7LMNP"),
  githubToken: joined("gh", "p_", BODY, BODY, "a1B2"),
  apiKey: joined("sk-", "ant-", "api03-", BODY, BODY, BODY),
  slackToken: joined("xo", "xb-", "123456789012-", BODY),
  privateKey: [pemLine("BEGIN"), ...Array.from({ length: 6 }, () => BODY.repeat(4)), pemLine("END")].join(
    "\n",
  ),
  jwt: [joined("ey", "JhbGciOiJIUzI1NiJ9"), joined("ey", "JzdWIiOiIxMjM0NTYifQ"), BODY.repeat(2)].join("."),
  bearer: BODY.repeat(2),
};

/** A text in which the secret stands as its detector expects it. */
export function secretInText(name: string): string {
  return `before ${name === "bearer" ? "Bearer " : ""}${SECRETS[name]} after`;
}

/** One valid value per detector of the family `pii`; all from public documentation of test values. */
export const PII: Readonly<Record<string, string>> = {
  email: "jane.doe@mail.example.com",
  card: "4111 1111 1111 1111",
  phone: "+44 20 7946 0958",
  ssn: "536-22-8145",
  iban: "GB82 WEST 1234 5698 7654 32",
  ip: "203.0.113.77",
};

/** A line that begins or ends a key block. */
export function pemLine(word: string, kind = "PRIVATE"): string {
  return ["-----", word, " ", kind, " KEY", "-----"].join("");
}
