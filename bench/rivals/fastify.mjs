// The job of bench/compare by hand: fastify, undici with kept connections, ajv. `AT_ONCE=1` answers before it delivers, from
// a queue in memory; `WORKERS=2` runs two processes.
import cluster from "node:cluster";
import { createHash, timingSafeEqual } from "node:crypto";
import { readFileSync } from "node:fs";
import Ajv from "ajv";
import formats from "ajv-formats";
import fastify from "fastify";
import { Pool } from "undici";

const { PORT, RECEIVER, SCHEMA, FORM_TOKEN, ACME_TOKEN, AT_ONCE, WORKERS = "1" } = process.env;

const hash = (text) => createHash("sha256").update(text).digest();
const token = hash(FORM_TOKEN);
const valid = formats(new Ajv()).compile(JSON.parse(readFileSync(SCHEMA, "utf8")));
const pool = new Pool(RECEIVER, { connections: 64, pipelining: 1 });
const topics = { Vendas: "sales", Suporte: "support" };

function mapped({ form_response: form }) {
  const answer = (ref) => form.answers.find((one) => one.field.ref === ref);
  const name = answer("name").text;
  const topic = topics[answer("topic")?.choice?.label] ?? "other";
  const phone = answer("phone")?.phone_number?.replace(/\D/g, "");
  const at = new Date(form.submitted_at).toISOString();
  return { email: answer("email").email.trim(), name, phone, topic, at, text: `${name} asks about ${topic}.` };
}

async function deliver(note) {
  const { statusCode, body } = await pool.request({
    path: "/acme/notes",
    method: "POST",
    headers: { "content-type": "application/json", authorization: `Bearer ${ACME_TOKEN}` },
    body: JSON.stringify(note),
  });
  const answer = await body.json();
  if (statusCode !== 200 || !answer.id) throw new Error(`not delivered: ${statusCode}`);
}

// At most 64 at a time, the rest waits in memory.
const waiting = [];
let first = 0;
let underWay = 0;
function later(note) {
  waiting.push(note);
  if (underWay < 64) void work();
}
async function work() {
  underWay++;
  while (first < waiting.length) {
    const note = waiting[first];
    waiting[first++] = undefined;
    if (first === 10000) first = waiting.splice(0, first) && 0;
    await deliver(note).catch((error) => console.error(error.message));
  }
  underWay--;
}

function serve() {
  const app = fastify({ bodyLimit: 4 << 20 });
  app.post("/hooks/form", async (request, reply) => {
    if (!timingSafeEqual(hash(request.headers["x-token"] ?? ""), token)) return reply.code(401).send();
    if (request.body.event_type !== "form_response") return reply.code(202).send();
    const note = mapped(request.body);
    if (!valid(note)) return reply.code(422).send(valid.errors);
    if (AT_ONCE) later(note);
    else await deliver(note);
    return reply.code(202).send({ accepted: true });
  });
  return app.listen({ port: Number(PORT), host: "127.0.0.1" });
}

if (WORKERS !== "1" && cluster.isPrimary) for (let i = 0; i < Number(WORKERS); i++) cluster.fork();
else await serve();
