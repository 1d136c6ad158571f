/** The abort's request and what to tell the person about it. */

import { PanelRefused, postJson } from "../../stream/http";

export const ABORT_KEY = "Shift+Escape";

export const ANSWER_S = 2;
/** The panel asks the core for at most one second; whoever waits longer is waiting for nothing. */

/** `failed` means: nobody has confirmed it, act by other means. */
export interface AbortAnswer {
  readonly kind: "asking" | "taken" | "failed";
  readonly text: string;
}

export function isAbortKey(event: Pick<KeyboardEvent, "key" | "shiftKey" | "ctrlKey" | "altKey" | "metaKey">): boolean {
  return event.key === "Escape" && event.shiftKey && !event.ctrlKey && !event.altKey && !event.metaKey;
}

/** Ask the core to abort. Never throws: whatever went wrong is an answer too. */
export async function requestAbort(
  post: typeof postJson = postJson,
  reason = "ABORT on the live page",
): Promise<AbortAnswer> {
  try {
    const reply = await post<{ accepted: boolean; text: string }>("api/v1/abort", { reason }, ANSWER_S);
    return { kind: reply.accepted ? "taken" : "failed", text: reply.text };
  } catch (error) {
    if (error instanceof PanelRefused) return { kind: "failed", text: error.text };
    if (error instanceof DOMException) return { kind: "failed", text: `No answer within ${ANSWER_S} s.` };
    return { kind: "failed", text: "The panel cannot be reached." };
  }
}
