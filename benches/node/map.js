// The same three mappings as a program for Node by hand, with a schema compiled by ajv. Prints `whole SIZE NANOSECONDS` and
// `floor SIZE NANOSECONDS`.
import { readFileSync } from 'node:fs'
import { isDeepStrictEqual } from 'node:util'
import Ajv from 'ajv/dist/2020.js'
import addFormats from 'ajv-formats'

const root = process.argv[2]
const read = path => readFileSync(`${root}/${path}`)
const ajv = new Ajv({ strict: false })
addFormats(ajv)
const validate = ajv.compile(JSON.parse(read('schemas/cloudchat/create-conversation.json')))

const zone = { timeZone: 'America/Sao_Paulo', hourCycle: 'h23', year: 'numeric', month: '2-digit', day: '2-digit', hour: '2-digit', minute: '2-digit', second: '2-digit', timeZoneName: 'longOffset' }
const format = new Intl.DateTimeFormat('en-CA', zone)
const moment = date => {
  const part = {}
  for (const { type, value } of format.formatToParts(date)) part[type] = value
  return `${part.year}-${part.month}-${part.day}T${part.hour}:${part.minute}:${part.second}${part.timeZoneName.slice(3)}`
}
const present = value => {
  if (value === undefined || value === null || value === '') throw new Error('not found')
  return value
}
const email = value => {
  const text = String(present(value)).trim()
  if (!/^[^@\s]+@[^@\s]+\.[^@\s]+$/.test(text)) throw new Error('not an e-mail address')
  return text
}
const whole = value => {
  const number = Number(present(value))
  if (!Number.isInteger(number)) throw new Error('not a whole number')
  return number
}
const one = found => {
  if (found.length !== 1) throw new Error('not one')
  return found[0]
}
const looked = (map, other, value) => map[present(value)] ?? other

const maps = {
  small(payload) {
    if (payload.triggerType !== 'form_submission') return
    const { payload: form } = payload
    const kind = looked({ 'Contact Us': 'contact' }, 'other', form.name)
    const at = moment(new Date(present(form.submittedAt)))
    const phone = String(present(form.data['Phone Number']))
    return {
      contact_email: email(form.data.email),
      message: { content: `${present(form.data['First Name'])} wrote by the form ${kind} at ${at}. Call ${phone ?? 'by mail'}.`, message_type: 'incoming' },
      custom_attributes: { origin: kind.toUpperCase(), id: present(form.id) },
    }
  },
  middle(payload) {
    const form = payload.form_response
    if (form.form_id !== 'lT4Z3j') return
    const answer = id => one(form.answers.filter(answer => answer.field.id === id))
    const comment = form.answers.find(answer => answer.field.id === 'DlXFaesGBpoF')?.text
    const city = looked({ London: 'london', Sydney: 'sydney' }, 'other', answer('k6TP9oLGgHjl').choice.label)
    const at = moment(new Date(present(form.submitted_at)))
    return {
      contact_email: email(answer('SMEUb7VJz92Q').email),
      message: { content: `${present(answer('JwWggjAKtOkA').text)} filled in the form at ${at}: ${comment ?? 'no comment'}`, message_type: 'incoming' },
      custom_attributes: { origin: city.toUpperCase(), id: present(form.token) },
    }
  },
  large(payload) {
    const { variables, callflow } = payload
    if (variables.endpoint_disposition !== 'ANSWER') return
    const { caller_id_number: caller, destination_number: called } = callflow[0].caller_profile
    const seconds = whole(variables.billsec)
    const outcome = looked({ NORMAL_CLEARING: 'normal', USER_BUSY: 'busy' }, 'other', variables.hangup_cause)
    const at = moment(new Date(whole(variables.start_epoch) * 1000))
    return {
      contact_identifier: present(caller),
      message: { content: `Call to ${present(called)} at ${at}, ${seconds ?? 0} seconds.`, message_type: 'incoming' },
      custom_attributes: { origin: outcome.toUpperCase(), id: present(variables.call_uuid), seconds },
    }
  },
}

const captures = { small: 'webflow-form-submission', middle: 'typeform-form-response', large: 'freeswitch-json-cdr' }
const bodyOf = name => {
  const bytes = read(`tests/payloads/${name}.http`)
  const at = /\r?\n\r?\n/.exec(bytes.toString('latin1'))
  return bytes.subarray(at.index + at[0].length)
}
const mapped = (map, bytes) => {
  const body = map(JSON.parse(bytes.toString()))
  body.inbox_id ??= '1'
  if (!validate(body)) throw new Error(ajv.errorsText(validate.errors))
  return Buffer.from(JSON.stringify(body))
}

// The best of many short rounds, so that what else the machine does counts little.
const measured = work => {
  let best = Infinity
  const ends = process.hrtime.bigint() + 3_000_000_000n
  while (process.hrtime.bigint() < ends) {
    const began = process.hrtime.bigint()
    for (let i = 0; i < 20; i++) work()
    best = Math.min(best, Number(process.hrtime.bigint() - began) / 20)
  }
  return Math.round(best)
}

for (const [size, name] of Object.entries(captures)) {
  const bytes = bodyOf(name)
  const expected = JSON.parse(read(`benches/expected/${size}.json`))
  const made = JSON.parse(mapped(maps[size], bytes))
  if (!isDeepStrictEqual(made, expected)) throw new Error(`${size}: ${JSON.stringify(made)}`)
  console.log(`whole ${size} ${measured(() => mapped(maps[size], bytes))}`)
  console.log(`floor ${size} ${measured(() => [JSON.parse(bytes.toString()), Buffer.from(JSON.stringify(expected))])}`)
}
