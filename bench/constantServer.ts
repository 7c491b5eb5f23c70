/** A bare Fastify route that answers a constant: `node bench/constantServer.ts PORT BYTES`. What an interface is measured against. */
import { fastify } from 'fastify';

const [port, bytes] = process.argv.slice(2).map(Number);
const constant = 'x'.repeat(bytes ?? 100);
const http = fastify();
http.post('/constant', async () => constant);
http.get('/constant', async () => constant);
await http.listen({ host: '127.0.0.1', port: port ?? 0 });
