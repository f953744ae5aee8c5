/** The server that tests share. */
export const REDIS_URL: string = process.env["REDIS_URL"] ?? "redis://127.0.0.1:6379";
