/** The form of an error answer to a request: {"error":{code,message}}. Shared by both adapters. */
const encoder = new TextEncoder()

/** What a responder's throw looks like to who asked. An error without a code of its own is 'internal'. */
export const errorAnswer = (error: unknown): Uint8Array => {
  const { code, message } = error instanceof Error ? (error as Error & { code?: unknown }) : { message: String(error) }
  return encoder.encode(JSON.stringify({ error: { code: typeof code === 'string' ? code : 'internal', message } }))
}
