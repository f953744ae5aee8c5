import {
  ClientCredentialsProvider,
  CrossAppAccessProvider,
  requestJwtAuthorizationGrant,
  PrivateKeyJwtProvider,
  type OAuthClientProvider,
  type OAuthDiscoveryState,
  type StoredOAuthClientInformation,
  type StoredOAuthTokens,
} from "@modelcontextprotocol/client";

/** How a client of a scenario comes to a token. */
export interface ConformanceAuth {
  readonly provider: OAuthClientProvider;
  /** What the authorization server has sent the user back with. Left out: no user is asked. */
  readonly takeAnswer?: () => URLSearchParams | undefined;
}

type Context = Readonly<Record<string, unknown>>;

/** @returns Undefined for a scenario without authorization. */
export function conformanceAuth(scenario: string, context: Context): ConformanceAuth | undefined {
  if (!scenario.startsWith("auth/")) return undefined;
  const machine = machineOf(scenario, context);
  if (machine !== undefined) return { provider: machine };
  const user = new AgreeingUser(context);
  return { provider: user, takeAnswer: () => user.takeAnswer() };
}

const MACHINES: ReadonlySet<string> = new Set([
  "auth/client-credentials-basic",
  "auth/client-credentials-jwt",
  "auth/enterprise-managed-authorization",
]);

/** Those in which nobody is asked. */
function machineOf(scenario: string, context: Context): OAuthClientProvider | undefined {
  const text = (name: string): string => {
    const value = context[name];
    if (typeof value !== "string") throw new TypeError(`the kit tells no ${name}`);
    return value;
  };
  if (!MACHINES.has(scenario)) return undefined;
  const [clientId, clientSecret] = [text("client_id"), text("client_secret")];
  switch (scenario) {
    case "auth/client-credentials-basic":
      return new ClientCredentialsProvider({ clientId, clientSecret });
    case "auth/client-credentials-jwt":
      return new PrivateKeyJwtProvider({
        clientId,
        privateKey: text("private_key_pem"),
        algorithm: text("signing_algorithm"),
      });
    case "auth/enterprise-managed-authorization":
      return new CrossAppAccessProvider({
        clientId,
        clientSecret,
        async assertion({ authorizationServerUrl, resourceUrl, fetchFn }) {
          const { jwtAuthGrant } = await requestJwtAuthorizationGrant({
            tokenEndpoint: text("idp_token_endpoint"),
            audience: authorizationServerUrl,
            resource: resourceUrl,
            idToken: text("idp_id_token"),
            clientId: text("idp_client_id"),
            fetchFn,
          });
          return jwtAuthGrant;
        },
      });
    default:
      return undefined;
  }
}

/** A client whose user agrees to whatever is asked, at once. */
class AgreeingUser implements OAuthClientProvider {
  readonly redirectUrl = "http://localhost:3000/callback";
  readonly clientMetadataUrl = "https://conformance-test.local/client-metadata.json";
  readonly clientMetadata = {
    client_name: "agentplane-conformance-client",
    redirect_uris: [this.redirectUrl],
    grant_types: ["authorization_code", "refresh_token"],
    response_types: ["code"],
    token_endpoint_auth_method: "client_secret_post",
  };
  readonly #registered = new Map<string, StoredOAuthClientInformation>();
  readonly #preRegistered: StoredOAuthClientInformation | undefined;
  #tokens: StoredOAuthTokens | undefined;
  #verifier = "";
  #discovered: OAuthDiscoveryState | undefined;
  #answer: URLSearchParams | undefined;

  constructor({ client_id: id, client_secret: secret, issuer }: Context) {
    if (typeof id !== "string") return;
    this.#preRegistered = {
      client_id: id,
      ...(typeof secret === "string" && { client_secret: secret }),
      ...(typeof issuer === "string" && { issuer }),
    };
  }

  /** Of one authorization server: another's are none of its business. */
  clientInformation(at?: { issuer: string }): StoredOAuthClientInformation | undefined {
    return this.#registered.get(at?.issuer ?? "") ?? this.#preRegistered;
  }

  saveClientInformation(information: StoredOAuthClientInformation, at?: { issuer: string }): void {
    this.#registered.set(at?.issuer ?? "", information);
  }

  tokens(): StoredOAuthTokens | undefined {
    return this.#tokens;
  }

  saveTokens(tokens: StoredOAuthTokens): void {
    this.#tokens = tokens;
  }

  saveCodeVerifier(verifier: string): void {
    this.#verifier = verifier;
  }

  /** So that the answer of one authorization server is not taken to another. */
  saveDiscoveryState(state: OAuthDiscoveryState): void {
    this.#discovered = state;
  }

  discoveryState(): OAuthDiscoveryState | undefined {
    return this.#discovered;
  }

  codeVerifier(): string {
    return this.#verifier;
  }

  invalidateCredentials(scope: "all" | "client" | "tokens" | "verifier" | "discovery"): void {
    if (scope === "all" || scope === "tokens") this.#tokens = undefined;
    if (scope === "all" || scope === "client") this.#registered.clear();
    if (scope === "all" || scope === "discovery") this.#discovered = undefined;
  }

  async redirectToAuthorization(url: URL): Promise<void> {
    const answer = await fetch(url, { redirect: "manual" });
    const location = answer.headers.get("location");
    if (location === null) throw new Error("the authorization server did not send the user back");
    this.#answer = new URL(location).searchParams;
  }

  takeAnswer(): URLSearchParams | undefined {
    const answer = this.#answer;
    this.#answer = undefined;
    return answer;
  }
}
