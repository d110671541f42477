import * as z from 'zod'

/** SHA-256 as 64 lower-case hex digits. */
export const sha256 = z
  .string()
  .regex(/^[0-9a-f]{64}$/, 'not a SHA-256 (64 lower-case hex digits)')
  .brand<'sha256'>()
export type Sha256 = z.infer<typeof sha256>

/** A whole number too large for a double, in decimal: inode numbers and nanoseconds. */
const wide = z.string().regex(/^-?\d{1,20}$/)

/** Which object of the file system a name stood for: the pair that no other object has at the same time. */
export const identity = z.strictObject({ device: wide, object: wide })
export type Identity = z.infer<typeof identity>

export const sameIdentity = (a: Identity, b: Identity): boolean => a.device === b.device && a.object === b.object

const bytes = z.instanceof(Uint8Array)

/**
 * Everything that makes a Linux file the same file again, besides its bytes and its name (UND3).
 * Times are nanoseconds since 1970. `xattrs` holds POSIX ACLs (`system.posix_acl_access`) and capabilities
 * (`security.capability`) too. `flags` are those of FS_IOC_GETFLAGS; 0x10 is immutable, 0x20 append-only.
 */
export const linuxMetadata = z.strictObject({
  platform: z.literal('linux'),
  mode: z.int().min(0).max(0o7777),
  uid: z.int().min(0),
  gid: z.int().min(0),
  atimeNs: wide,
  mtimeNs: wide,
  xattrs: z.array(z.strictObject({ name: bytes, value: bytes })).max(1_000),
  flags: z.int().min(0).nullable(),
})

/** The same for Windows: attribute bits, a self-relative security descriptor, FILETIME stamps, named streams. */
export const windowsMetadata = z.strictObject({
  platform: z.literal('windows'),
  attributes: z.int().min(0),
  securityDescriptor: bytes,
  createdAt: wide,
  accessedAt: wide,
  writtenAt: wide,
  streams: z.array(z.strictObject({ name: z.string(), value: bytes })).max(100),
})

export const fileMetadata = z.discriminatedUnion('platform', [linuxMetadata, windowsMetadata])
export type FileMetadata = z.infer<typeof fileMetadata>
export type LinuxMetadata = z.infer<typeof linuxMetadata>

/** A run of stored bytes in a sparse file; what lies between runs is a hole. */
export const dataRange = z.strictObject({ offset: z.int().min(0), length: z.int().min(1) })
export type DataRange = z.infer<typeof dataRange>
