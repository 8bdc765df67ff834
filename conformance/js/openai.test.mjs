// The official JavaScript package. OPENAI_BASE_URL and OPENAI_API_KEY say where.
import assert from "node:assert/strict";
import { createReadStream, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import OpenAI from "openai";
import { LengthFinishReasonError } from "openai/error";

const client = new OpenAI({ maxRetries: 0 });
const model = (await client.models.list()).data[0].id;
const messages = [{ role: "user", content: "Hello" }];
const asked = { model, messages, max_tokens: 40, temperature: 0 };
const parameters = { type: "object", properties: { sides: { enum: [6, 20] } }, required: ["sides"] };
const tool = { type: "function", function: { name: "roll", parameters } };

test("a whole reply, and the same as a stream", async () => {
  const whole = await client.chat.completions.create(asked);
  let text = "";
  for await (const chunk of await client.chat.completions.create({ ...asked, stream: true })) {
    text += chunk.choices[0]?.delta?.content ?? "";
  }
  assert.equal(text, whole.choices[0].message.content);
});

test("the streaming helper", async () => {
  const stream = client.chat.completions.stream({ ...asked, n: 2, stream_options: { include_usage: true } });
  const final = await stream.finalChatCompletion();
  assert.equal(final.choices.length, 2);
  assert.ok((await stream.totalUsage()).total_tokens > 0);
});

test("tools", async () => {
  const forced = { ...asked, tools: [tool], tool_choice: "required", parallel_tool_calls: false };
  const whole = await client.chat.completions.create(forced);
  const call = whole.choices[0].message.tool_calls[0].function;
  assert.ok([6, 20].includes(JSON.parse(call.arguments).sides));
  const streamed = await client.chat.completions.stream(forced).finalFunctionToolCall();
  assert.equal(streamed.arguments, call.arguments);
});

test("structured output", async () => {
  const json_schema = { name: "roll", strict: true, schema: { ...parameters, additionalProperties: false } };
  const reply = await client.chat.completions.parse({
    ...asked,
    max_tokens: 200,
    response_format: { type: "json_schema", json_schema },
  });
  assert.ok([6, 20].includes(reply.choices[0].message.parsed.sides));
  await assert.rejects(
    client.chat.completions.parse({ ...asked, max_tokens: 2, response_format: { type: "json_schema", json_schema } }),
    LengthFinishReasonError,
  );
});

test("logprobs", async () => {
  const reply = await client.chat.completions.create({ ...asked, logprobs: true, top_logprobs: 1 });
  assert.equal(reply.choices[0].logprobs.content[0].top_logprobs.length, 1);
});

test("responses", async () => {
  const first = await client.responses.create({ model, input: "Hello", temperature: 0 });
  assert.ok(first.output_text);
  const again = await client.responses.stream({ model, input: "Hello", temperature: 0 }).finalResponse();
  assert.equal(again.output_text, first.output_text);
  const next = await client.responses.create({ model, input: "And?", previous_response_id: first.id });
  assert.equal(next.previous_response_id, first.id);
  assert.equal((await client.responses.retrieve(first.id)).id, first.id);
});

test("refusals", async () => {
  await assert.rejects(client.chat.completions.create({ ...asked, model: "none" }), OpenAI.NotFoundError);
  await assert.rejects(client.chat.completions.create({ ...asked, temperature: 9 }), OpenAI.BadRequestError);
  await assert.rejects(new OpenAI({ apiKey: "pk_no" }).models.list(), OpenAI.AuthenticationError);
});

test("a batch of a file that is streamed", async () => {
  const path = join(mkdtempSync(join(tmpdir(), "batch-")), "lines.jsonl");
  const line = { method: "POST", url: "/v1/chat/completions", body: asked };
  writeFileSync(path, ["a", "b"].map((custom_id) => JSON.stringify({ custom_id, ...line })).join("\n"));
  const file = await client.files.create({ file: createReadStream(path), purpose: "batch" });
  const made = { input_file_id: file.id, endpoint: line.url, completion_window: "24h" };
  let batch = await client.batches.create(made);
  while (!["completed", "failed"].includes(batch.status)) {
    await sleep(200);
    batch = await client.batches.retrieve(batch.id);
  }
  assert.deepEqual(batch.request_counts, { total: 2, completed: 2, failed: 0 });
  const output = await (await client.files.content(batch.output_file_id)).text();
  assert.deepEqual(output.trim().split("\n").map((each) => JSON.parse(each).custom_id), ["a", "b"]);
  assert.ok((await client.files.delete(file.id)).deleted);
});
