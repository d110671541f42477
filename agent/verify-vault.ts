import type { Vault } from './vault/vault.ts'

export interface VaultFinding {
  readonly item: string
  readonly state: 'plain' | 'sealed' | 'stray'
  readonly sizeBytes: number
  readonly intact: boolean
  readonly detail: string
}

/** Reads every item of the vault through and compares it with its hash (VLT4). Changes nothing. */
export async function verifyVault(vault: Vault): Promise<VaultFinding[]> {
  const findings: VaultFinding[] = []
  for (const { item, state, sha256, sizeBytes } of await vault.list()) {
    const { intact, detail } =
      sha256 === null
        ? { intact: false, detail: 'No item of an action: it was moved in by mistake and could not go back.' }
        : await vault.check({ item, sha256, sizeBytes })
    findings.push({ item, state, sizeBytes, intact, detail })
  }
  return findings
}
