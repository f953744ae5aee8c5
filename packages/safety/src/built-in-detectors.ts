import type { Detector } from "./detector.ts";
import { apiKey } from "./detectors/api-key.ts";
import { awsAccessKey } from "./detectors/aws-access-key.ts";
import { bearer } from "./detectors/bearer.ts";
import { card } from "./detectors/card.ts";
import { email } from "./detectors/email.ts";
import { githubToken } from "./detectors/github-token.ts";
import { iban } from "./detectors/iban.ts";
import { injection } from "./detectors/injection.ts";
import { ip } from "./detectors/ip.ts";
import { jwt } from "./detectors/jwt.ts";
import { phone } from "./detectors/phone.ts";
import { privateKey } from "./detectors/private-key.ts";
import { slackToken } from "./detectors/slack-token.ts";
import { ssn } from "./detectors/ssn.ts";

/** The detectors that `createScanner()` has when none are given; pass this list with your own added to extend it. */
export const builtInDetectors: readonly Detector[] = [
  email,
  card,
  phone,
  ssn,
  iban,
  ip,
  awsAccessKey,
  githubToken,
  apiKey,
  slackToken,
  privateKey,
  jwt,
  bearer,
  injection,
];
