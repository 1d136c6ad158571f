/** GET and POST to the panel, each with a deadline. Paths are relative, so that a proxy may give the page a prefix. */

/** What the panel answered that was no success, with its status; `text` is for people. */
export class PanelRefused extends Error {
  constructor(
    readonly status: number,
    readonly text: string,
  ) {
    super(`${status}: ${text}`);
    this.name = "PanelRefused";
  }
}

/** The JSON at `path` (`api/v1/...`). Throws PanelRefused, TypeError (no connection), DOMException (deadline, abort). */
export async function getJson<T>(path: string, timeoutS = 10, signal?: AbortSignal): Promise<T> {
  return request<T>(path, { method: "GET" }, timeoutS, signal);
}

/** POST a JSON body. Throws as getJson does. */
export async function postJson<T>(path: string, body: unknown, timeoutS: number): Promise<T> {
  const headers = { "content-type": "application/json" };
  return request<T>(path, { method: "POST", headers, body: JSON.stringify(body) }, timeoutS);
}

async function request<T>(path: string, init: RequestInit, timeoutS: number, unwanted?: AbortSignal): Promise<T> {
  const deadline = AbortSignal.timeout(timeoutS * 1000);
  const signal = unwanted === undefined ? deadline : AbortSignal.any([unwanted, deadline]);
  const answer = await fetch(path, { ...init, cache: "no-store", signal });
  if (!answer.ok) throw new PanelRefused(answer.status, await readableText(answer));
  return (await answer.json()) as T;
}

async function readableText(answer: Response): Promise<string> {
  const body = await answer.text();
  try {
    const parsed = JSON.parse(body) as { text?: unknown; detail?: unknown };
    if (typeof parsed.text === "string") return parsed.text;
    if (typeof parsed.detail === "string") return parsed.detail;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error; // not JSON: the body itself is the text
  }
  return body.slice(0, 400) || answer.statusText;
}
