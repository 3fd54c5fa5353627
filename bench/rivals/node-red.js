// The function of the Node-RED flow of bench/compare: http in → this → json (proves by the schema) → http request → http response.
if (msg.req.headers["x-token"] !== env.get("FORM_TOKEN")) {
    msg.statusCode = 401;
    return [null, msg];
}
const payload = msg.payload;
if (payload.event_type !== "form_response") {
    msg.statusCode = 202;
    return [null, msg];
}
const form = payload.form_response;
const answer = (ref) => form.answers.find((one) => one.field.ref === ref);
const name = answer("name").text;
const label = answer("topic") && answer("topic").choice.label;
const topic = { Vendas: "sales", Suporte: "support" }[label] || "other";
const phone = answer("phone") && answer("phone").phone_number.replace(/\D/g, "");
const at = new Date(form.submitted_at).toISOString();
msg.payload = { email: answer("email").email.trim(), name, phone, topic, at, text: `${name} asks about ${topic}.` };
msg.schema = context.get("schema") || JSON.parse(env.get("SCHEMA_TEXT"));
context.set("schema", msg.schema);
msg.headers = { "content-type": "application/json", authorization: "Bearer " + env.get("ACME_TOKEN") };
return [msg, null];
