// undici as a package of its own, as agents bundle it: request() with an Agent, keep-alive, on HTTP/1.1 or (--http2) HTTP/2.
'use strict';
const { createRequire } = require('module');
const path = require('path');
const { parse, report, each } = require('./common.js');
const undici = createRequire(path.join(__dirname, '../node/package.json'))('undici');

async function* pieces(body) {
  for (let at = 0; at < body.length; at += 16000) yield body.subarray(at, at + 16000);
}

(async () => {
  const args = parse();
  const agent = new undici.Agent({ connections: 1, allowH2: args.http2, connect: { ca: args.ca },
                                   headersTimeout: args.timeout * 1000, bodyTimeout: args.timeout * 1000 });
  for (const url of each(args)) {
    const started = performance.now();
    try {
      const body = args.body && args.chunked ? pieces(args.body) : args.body;
      const answer = await undici.request(url, { method: args.method, headers: args.headers, body, dispatcher: agent });
      report(args, url, started, { status: answer.statusCode, data: Buffer.from(await answer.body.arrayBuffer()) });
    } catch (error) {
      report(args, url, started, { error });
    }
  }
  process.exit(0);
})();
