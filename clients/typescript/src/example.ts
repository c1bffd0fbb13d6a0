// npm start -- http://127.0.0.1:8000 "I love this product!" positive
// The label is what a person says about the text; it needs the service's token in WORKSHOP_TOKEN.
import { isLabel, labels, ServiceClient, ServiceError } from "./client.js";

async function main(address = "http://127.0.0.1:8000", text = "I love this product!", label = "") {
  const service = new ServiceClient(address, process.env.WORKSHOP_TOKEN);

  const prediction = await service.predict(text);
  console.log(`${prediction.label}: ${text}`);
  console.log(`${labels[0]} ${prediction.class_0_probability}, ${labels[1]} ${prediction.class_1_probability}`);

  const predictions = await service.predictBatch([text, "Never again.", "ä ö ü ß 😴"]);
  console.log(`In one request: ${predictions.map((each) => each.label).join(", ")}`);

  if (!label) return;
  if (!isLabel(label)) throw new Error(`The model knows no label ${label}; it knows ${labels.join(", ")}.`);
  const result = await service.sendLabel(prediction.prediction_id, label);
  console.log(`The label ${label} is stored: ${result}`);
}

try {
  await main(...process.argv.slice(2));
} catch (error) {
  console.error(reason(error));
  process.exitCode = 1;
}

function reason(error: unknown): string {
  if (error instanceof ServiceError) return `The service answered ${error.message}`;
  if (!(error instanceof Error)) return String(error);
  return error.message === "fetch failed" ? "No service answers there; make serve starts one." : error.message;
}
