import * as z from 'zod'

/** Whose signature a receiver's certificate must bear; a certificate that vouches for itself is its own authority, and so is pinned. */
export const authorities = z
  .string()
  .max(100_000)
  .regex(/^-----BEGIN CERTIFICATE-----/, 'a certificate in PEM form, beginning with -----BEGIN CERTIFICATE-----')
  .nullable()
  .default(null)
  .describe('Who vouches for the receiver (PEM); null for the authorities of this system')
