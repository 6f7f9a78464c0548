/**
 * The words of the search: what is asked for, and what is found.
 * Must never hold code that searches.
 */

/** `newest`: the best server that can be had. `floor`: the oldest supported line (2.10), for tests that prove the floor. */
export type Channel = 'newest' | 'floor'

/** The kinds of places a server is taken from, in the order in which they are tried. */
export type ServerSource = 'env' | 'path' | 'cache' | 'release' | 'debian'

/** A nats-server that has answered `--version`. */
export interface FoundServer {
  /** Absolute path of the program. */
  path: string
  /** Semantic version without a `v`, such as `2.10.27`. */
  version: string
  source: ServerSource
  /** Sentences about what was passed over or had to be done, fit to be shown to a person. */
  notes: string[]
}

/** How to search. Every field has a default that suits production. */
export interface FindOptions {
  /** Default `newest`. */
  channel?: Channel
  /** Called with short texts while something slow goes on (downloading, unpacking). */
  onProgress?: (text: string) => void
  /** Default true. With false only the environment, PATH and the cache are looked at. */
  download?: boolean
  /** Read instead of `process.env`: MILLRACE_NATS_SERVER, PATH, MILLRACE_CACHE, XDG_CACHE_HOME, HOME, MILLRACE_NATS_RELEASES. */
  env?: NodeJS.ProcessEnv
  /** Base of release downloads; default MILLRACE_NATS_RELEASES, then the official one. */
  releasesUrl?: string
  /** Longest time to wait for a download to begin, and for silence during it. Default 5 s. */
  downloadSilenceMs?: number
  /** Where the system keeps apt's sources. Default `/etc/apt`. */
  aptFolder?: string
  /** Default `process.platform` and `process.arch`. */
  platform?: NodeJS.Platform
  arch?: string
}

/** What one step of the search came to. */
export interface Attempt {
  found?: Omit<FoundServer, 'notes'>
  /** What a person should know even if a later step finds a server: what was passed over, what failed. */
  notes: string[]
  /** What is merely not there; told only when nothing is found at all. */
  absent: string[]
}
