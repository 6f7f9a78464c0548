/** Reads streamed answers: NDJSON lines and Server-Sent Events (WHATWG HTML §9.2.6, the part that the gateway uses). */

/** The lines of a body as they come, without their ends. Throws what the connection throws. */
export async function* linesOf(response: Response): AsyncGenerator<string> {
  const decoder = new TextDecoder()
  let rest = ''
  for await (const chunk of response.body ?? []) {
    rest += decoder.decode(chunk as Uint8Array, { stream: true })
    const lines = rest.split('\n')
    rest = lines.pop()!
    yield* lines
  }
  if (rest !== '') yield rest
}

export type ServerSentEvent = { event: string; data: string; id: string }

/** Comments and fields that nobody uses here are passed over. */
export async function* serverSentEvents(response: Response): AsyncGenerator<ServerSentEvent> {
  let event = 'message'
  let id = ''
  let data: string[] = []
  for await (const raw of linesOf(response)) {
    const line = raw.endsWith('\r') ? raw.slice(0, -1) : raw
    if (line === '') {
      if (data.length > 0) yield { event, data: data.join('\n'), id }
      event = 'message'
      data = []
      continue
    }
    const [field, value] = split(line)
    if (field === 'data') data.push(value)
    if (field === 'event') event = value
    if (field === 'id') id = value
  }
}

const split = (line: string): [string, string] => {
  const colon = line.indexOf(':')
  if (colon < 0) return [line, '']
  const value = line.slice(colon + 1)
  return [line.slice(0, colon), value.startsWith(' ') ? value.slice(1) : value]
}
