// A user written and read with the generated types; every name below is checked by the compiler.
import createClient from "openapi-fetch";
import type { components, paths } from "./api.js";

declare const process: { argv: string[] };

const [, , url, key] = process.argv;
const api = createClient<paths>({ baseUrl: url, headers: { Authorization: `Bearer ${key}` } });
const email = `typescript-${Date.now()}@example.com`;

function must<T>(value: T | undefined, error: unknown): T {
  if (value === undefined) throw new Error(JSON.stringify(error));
  return value;
}

const created = await api.POST("/users", {
  body: { name: "Ada", email },
  params: { header: { "Idempotency-Key": email, Prefer: "wait=60" } },
});
const id: string = must(created.data, created.error).data.id;
const read = await api.GET("/users/{user_id}", { params: { path: { user_id: id } } });
// Of the usual answer or of a copy: it is in the same place.
const user: components["schemas"]["User"] = must(read.data, read.error).data;
if (user.email !== email) throw new Error(`not what was written: ${JSON.stringify(user)}`);
const refused = await api.POST("/users", { body: { name: "Ada", email: "nonsense" } });
const code: string | undefined = refused.error && "error" in refused.error ? refused.error.error.code : undefined;
if (code !== "INVALID_EMAIL_FORMAT") throw new Error(`not refused: ${JSON.stringify(refused)}`);
