// The service as a class. Its types come from the service: `npm run types` writes api.ts from /openapi.json,
// with the fields and the labels of the model that answers there. Nothing else is needed at run time.
import { setTimeout as sleep } from "node:timers/promises";

import { predictionAnswerLabelValues, type components, type paths } from "./api.js";

export type Prediction = components["schemas"]["PredictionAnswer"];
export type Label = Prediction["label"];
export type Problem = components["schemas"]["Problem"];

type Route = "/predict" | "/predict/batch" | "/feedback";
type Body<R extends Route> = paths[R]["post"]["requestBody"]["content"]["application/json"];
type Answer<R extends Route> = paths[R]["post"]["responses"][200]["content"]["application/json"];

/** The labels of the model, in the order of its classes: the first is class 0. */
export const labels: readonly Label[] = predictionAnswerLabelValues;

export function isLabel(text: string): text is Label {
  return (labels as readonly string[]).includes(text);
}

/** What the service answered instead of 200. `problem` is missing where a proxy has answered in its place. */
export class ServiceError extends Error {
  constructor(
    readonly status: number,
    readonly problem: Problem | undefined,
  ) {
    const places = (problem?.errors ?? []).map(({ pointer, detail }) => ` ${pointer}: ${detail}.`);
    const told = problem ? `${problem.title}. ${problem.detail}${places.join("")}` : "no reason is given.";
    super(`${status}: ${told}`);
    this.name = "ServiceError";
  }
}

export class ServiceClient {
  readonly #address: string;
  readonly #headers: Record<string, string>;
  readonly #attempts: number;

  /**
   * @param address where the service answers, such as http://127.0.0.1:8000.
   * @param token the service's WORKSHOP_TOKEN: for labels, and beyond its own machine for texts.
   * @param attempts how often a request is sent at most while the service asks to come back later.
   */
  constructor(address: string, token?: string, attempts = 5) {
    this.#address = address.replace(/\/+$/, "");
    this.#attempts = attempts;
    this.#headers = { "Content-Type": "application/json" };
    // A header holds bytes: those of UTF-8, each as one sign.
    if (token) this.#headers["Authorization"] = Buffer.from(`Bearer ${token}`).toString("latin1");
  }

  /** Classify one text. */
  predict(text: string): Promise<Prediction> {
    return this.#post("/predict", { text });
  }

  /** Classify several texts, 64 at most; the predictions come in the same order. */
  async predictBatch(texts: string[]): Promise<Prediction[]> {
    const answer = await this.#post("/predict/batch", { text: texts });
    return answer.predictions;
  }

  /** Tell the true label of a prediction. To tell it again changes nothing. */
  async sendLabel(predictionId: string, label: Label): Promise<Answer<"/feedback">["result"]> {
    const answer = await this.#post("/feedback", { prediction_id: predictionId, label });
    return answer.result;
  }

  async #post<R extends Route>(route: R, body: Body<R>): Promise<Answer<R>> {
    for (let attempt = 1; ; attempt++) {
      const response = await fetch(this.#address + route, {
        method: "POST",
        headers: this.#headers,
        body: JSON.stringify(body),
        signal: AbortSignal.timeout(30_000),
      });
      if (response.ok) return (await response.json()) as Answer<R>;
      const error = new ServiceError(response.status, await problemOf(response));
      const seconds = secondsToWait(response);
      if (seconds === undefined || attempt >= this.#attempts) throw error;
      await sleep(1000 * seconds);
    }
  }
}

async function problemOf(response: Response): Promise<Problem | undefined> {
  const body = await response.text();
  const isProblem = response.headers.get("Content-Type")?.startsWith("application/problem+json");
  return isProblem ? (JSON.parse(body) as Problem) : undefined;
}

/** Who is too busy says how long to wait: 429, 503 and 504 carry Retry-After. Nothing else is tried again. */
function secondsToWait(response: Response): number | undefined {
  const seconds = response.headers.get("Retry-After");
  return seconds !== null && /^\d{1,3}$/.test(seconds) ? Number(seconds) : undefined;
}
