import type { FastifyInstance } from 'fastify'
import { collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import type { Store } from '../store/store.ts'

export interface MetricsDeps {
  readonly store: Store
  connectedDevices(): number
}

/** `/metrics` for Prometheus, from a registry of this server alone. Labels come from our own routes and statuses, never from outside. */
export function measure(app: FastifyInstance, { store, connectedDevices }: MetricsDeps): void {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  const requests = new Histogram({
    name: 'recourse_http_request_seconds',
    help: 'Time to answer, by route and status',
    labelNames: ['method', 'route', 'status'],
    buckets: [0.001, 0.005, 0.02, 0.1, 0.5, 2, 10],
    registers: [registry],
  })
  new Gauge({
    name: 'recourse_devices_connected',
    help: 'Devices with an open connection',
    registers: [registry],
    collect() {
      this.set(connectedDevices())
    },
  })
  new Gauge({
    name: 'recourse_actions_open',
    help: 'Actions that have not ended, by status',
    labelNames: ['status'],
    registers: [registry],
    async collect() {
      const rows = await store.read
        .selectFrom('action')
        .select((it) => ['status', it.fn.countAll<number>().as('total')] as const)
        .where('status', 'in', ['pending-approval', 'queued', 'delivered', 'running'])
        .groupBy('status')
        .execute()
      this.reset()
      for (const { status, total } of rows) this.set({ status }, Number(total))
    },
  })
  app.addHook('onResponse', async (request, reply) => {
    const { url } = request.routeOptions
    const labels = { method: request.method, route: url ?? 'none', status: String(reply.statusCode) }
    requests.observe(labels, reply.elapsedTime / 1000)
  })
  app.get('/metrics', { schema: { hide: true } }, async (_, reply) =>
    reply.type(registry.contentType).send(await registry.metrics()),
  )
}
