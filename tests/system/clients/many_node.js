// many_asyncio.py for Node: one loop, an https agent of one socket for each worker.
'use strict';
const fs = require('fs');
const https = require('https'), http = require('http');
const { parse, request } = require('./common.js');
const { content } = require('./content.js');

async function one(mod, agent, prefix, kind, secret, body, timeout) {
  const started = performance.now();
  const line = { kind, secret, sent: body.length, status: 0 };
  try {
    const headers = { 'X-Secret': secret, 'Content-Length': body.length };
    const answer = await request(mod, `${prefix}/${secret}`, { method: 'POST', agent, headers, timeout }, body);
    line.status = answer.status;
    line.answer = JSON.parse(answer.data.toString());
  } catch (error) {
    Object.assign(line, { error: error.name, errno: Math.abs(error.errno || 0), why: `${error.code} ${error.message}` });
  }
  line.ms = Math.round((performance.now() - started) * 10) / 10;
  fs.writeSync(1, JSON.stringify(line) + '\n');
}

(async () => {
  const args = parse();
  const size = args.bodyBytes < 0 ? 3000 : args.bodyBytes;
  await Promise.all(Array.from({ length: args.connections }, async (_, number) => {
    const secret = `secret${String(number).padStart(4, '0')}`;
    const body = Buffer.concat([Buffer.from(secret), content(size + number)]);
    const mod = args.allowed.startsWith('https:') ? https : http;
    const agent = new mod.Agent({ keepAlive: true, maxSockets: 1, ca: args.ca });
    for (let round = 0; round < args.rounds; round++) {
      await one(mod, agent, args.allowed, 'allowed', secret, body, args.timeout * 1000);
      if (number % 2) {
        await one(mod, agent, args.denied, 'denied', secret, Buffer.concat([body, Buffer.from(args.tail)]), args.timeout * 1000);
      }
    }
    agent.destroy();
  }));
  process.exit(0);
})();
