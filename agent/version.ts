/** As in package.json; the agent is shipped without that file. */
export const agentVersion = '0.1.0'
